//! Ballast compiled for the host, in the VM in the place of the on-chain binary: for `cargo xtask coverage`, which sees only what runs on the host.
//!
//! `BALLAST_NATIVE=1` makes every [`World`](crate::World) do so. Accounts, calls of other programs and the clock are as on the VM. Compute units, logs
//! and events are not: tests that look at them fail.

use anchor_lang::solana_program::account_info::AccountInfo;
use anchor_lang::solana_program::entrypoint::{ProgramResult, SUCCESS};
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::program_error::ProgramError;
use anchor_lang::solana_program::pubkey::Pubkey;
use litesvm::LiteSVM;
use solana_clock::Clock;
use solana_instruction_error::InstructionError;
use solana_program_runtime::invoke_context::InvokeContext;
use solana_program_runtime::serialization::serialize_parameters;
use solana_program_runtime::solana_sbpf::program::BuiltinFunctionDefinition;
use solana_svm_timings::ExecuteTimings;
use solana_sysvar::program_stubs::{SyscallStubs, set_syscall_stubs};
use solana_transaction_context::instruction_accounts::BorrowedInstructionAccount;
use std::cell::Cell;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, null_mut};
use std::sync::Once;

/// Asks for it.
const VARIABLE: &str = "BALLAST_NATIVE";

thread_local! {
    /// The context of the instruction that this thread executes, for the stubs.
    static CONTEXT: Cell<*mut InvokeContext<'static, 'static>> = const { Cell::new(null_mut()) };
}

/// Whether the environment asks for it.
pub fn wanted() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty())
}

/// Puts the program into a VM.
pub fn load(svm: &mut LiteSVM) {
    static STUBS: Once = Once::new();
    STUBS.call_once(|| drop(set_syscall_stubs(Box::new(Stubs))));
    svm.add_builtin(ballast::ID, Native::register);
}

struct Native;

impl BuiltinFunctionDefinition<InvokeContext<'static, 'static>> for Native {
    type Error = Box<dyn Error>;

    fn rust(
        context: &mut InvokeContext<'static, 'static>,
        _: u64,
        _: u64,
        _: u64,
        _: u64,
        _: u64,
    ) -> Result<u64, Box<dyn Error>> {
        execute(context)
    }
}

/// Executes the current instruction.
fn execute(context: &mut InvokeContext<'static, 'static>) -> Result<u64, Box<dyn Error>> {
    // The runtime wants every program to consume something.
    context.compute_meter.consume_checked(1)?;
    CONTEXT.set(context);
    let instruction = context
        .transaction_context
        .get_current_instruction_context()?;
    let (mut bytes, ..) = serialize_parameters(&instruction, false, false, false)?;
    // SAFETY: the bytes are what the runtime gives to programs, and outlive what is read from them.
    let (program, accounts, data) = unsafe {
        anchor_lang::solana_program::entrypoint::deserialize(bytes.as_slice_mut().as_mut_ptr())
    };
    // SAFETY: they are not moved any more, and the program keeps none.
    let accounts: &'static [AccountInfo<'static>] = unsafe { &*ptr::from_ref(accounts.as_slice()) };
    let result = catch_unwind(AssertUnwindSafe(|| ballast::entry(program, accounts, data)));
    match result {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(InstructionError::from(u64::from(error)).into()),
        Err(_panic) => return Err(InstructionError::ProgramFailedToComplete.into()),
    }
    // Calls of other programs have borrowed the context meanwhile.
    // SAFETY: `context` is this.
    let context = unsafe { &mut *CONTEXT.get() };
    let instruction = context
        .transaction_context
        .get_current_instruction_context()?;
    for (index, info) in accounts.iter().enumerate() {
        let mut account = instruction.try_borrow_instruction_account(index as u16)?;
        if account.is_writable() {
            write_back(&mut account, info)?;
        }
    }
    Ok(0)
}

/// Tells the runtime what a program has done to an account.
fn write_back(
    account: &mut BorrowedInstructionAccount<'_, '_>,
    info: &AccountInfo<'_>,
) -> Result<(), InstructionError> {
    if account.get_lamports() != info.lamports() {
        account.set_lamports(info.lamports())?;
    }
    let data = info
        .try_borrow_data()
        .map_err(|_| InstructionError::AccountBorrowFailed)?;
    if account.get_data() != *data {
        account.set_data_from_slice(&data)?;
    }
    if account.get_owner() != info.owner {
        account.set_owner(info.owner.as_ref())?;
    }
    Ok(())
}

/// What the program asks the runtime for.
struct Stubs;

impl SyscallStubs for Stubs {
    fn sol_log(&self, _message: &str) {}

    fn sol_get_clock_sysvar(&self, clock: *mut u8) -> u64 {
        // SAFETY: a program is executed on this thread, and asks with a `Clock`.
        unsafe {
            let context = &*CONTEXT.get();
            let cached = context.environment_config.sysvar_cache().get_clock();
            *clock.cast::<Clock>() = (*cached.expect("the VM has a clock")).clone();
        }
        SUCCESS
    }

    fn sol_get_rent_sysvar(&self, rent: *mut u8) -> u64 {
        // SAFETY: a program is executed on this thread, and asks with a `Rent`.
        unsafe {
            let context = &*CONTEXT.get();
            let cached = context.environment_config.sysvar_cache().get_rent();
            *rent.cast() = (*cached.expect("the VM has rent")).clone();
        }
        SUCCESS
    }

    fn sol_get_stack_height(&self) -> u64 {
        // SAFETY: a program is executed on this thread.
        unsafe { (*CONTEXT.get()).get_stack_height() as u64 }
    }

    fn sol_invoke_signed(
        &self,
        instruction: &Instruction,
        infos: &[AccountInfo<'_>],
        seeds: &[&[&[u8]]],
    ) -> ProgramResult {
        // SAFETY: a program is executed on this thread.
        let context = unsafe { &mut *CONTEXT.get() };
        // Of those that a program cannot see the runtime ends the transaction: any error does here.
        call(context, instruction, infos, seeds)
            .map_err(|error| ProgramError::try_from(error).unwrap_or(ProgramError::InvalidArgument))
    }
}

/// Calls another program.
fn call(
    context: &mut InvokeContext<'static, 'static>,
    instruction: &Instruction,
    infos: &[AccountInfo<'_>],
    seeds: &[&[&[u8]]],
) -> Result<(), InstructionError> {
    let current = context
        .transaction_context
        .get_current_instruction_context()?;
    let program = current.get_program_key()?;
    let signers = seeds
        .iter()
        .map(|seeds| Pubkey::create_program_address(seeds, program))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| InstructionError::InvalidSeeds)?;
    context.prepare_next_cpi_instruction(instruction.clone(), &signers)?;
    // What the caller has changed comes first.
    let shared = || {
        let named = |info: &&AccountInfo<'_>| {
            let mut metas = instruction.accounts.iter();
            metas.any(|meta| meta.pubkey == *info.key)
        };
        infos.iter().filter(named)
    };
    let transaction = &context.transaction_context;
    let current = transaction.get_current_instruction_context()?;
    let place = |info: &AccountInfo<'_>| {
        let in_transaction = transaction.find_index_of_account(info.key);
        let in_transaction = in_transaction.ok_or(InstructionError::MissingAccount)?;
        current.get_index_of_account_in_instruction(in_transaction)
    };
    let places = shared().map(place).collect::<Result<Vec<_>, _>>()?;
    for (info, place) in shared().zip(&places) {
        let mut account = current.try_borrow_instruction_account(*place)?;
        if account.is_writable() {
            write_back(&mut account, info)?;
        }
    }
    context.process_instruction(&mut 0, &mut ExecuteTimings::default())?;
    let current = context
        .transaction_context
        .get_current_instruction_context()?;
    for (info, place) in shared().zip(&places) {
        let account = current.try_borrow_instruction_account(*place)?;
        if account.is_writable() {
            read_back(&account, info).map_err(|_| InstructionError::AccountBorrowFailed)?;
        }
    }
    Ok(())
}

/// Shows a program what another one has done to an account.
fn read_back(
    account: &BorrowedInstructionAccount<'_, '_>,
    info: &AccountInfo<'_>,
) -> Result<(), ProgramError> {
    **info.try_borrow_mut_lamports()? = account.get_lamports();
    if info.owner != account.get_owner() {
        info.assign(account.get_owner());
    }
    let data = account.get_data();
    if info.data_len() != data.len() {
        info.resize(data.len())?;
    }
    info.try_borrow_mut_data()?.copy_from_slice(data);
    Ok(())
}
