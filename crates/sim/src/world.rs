//! A cluster in memory: programs, clock, tokens, transactions.

use crate::native;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::system_instruction;
use anchor_spl::associated_token::spl_associated_token_account as ata;
use anchor_spl::token::spl_token;
use anyhow::{Context, Result, anyhow};
pub use ballast_client::errors::{CodedError, Refusal};
use ballast_client::read_account;
use ballast_client::state::Tagged;
use litesvm::LiteSVM;
use litesvm::types::TransactionMetadata;
use solana_clock::Clock;
use solana_keypair::Keypair;
use solana_signer::Signer;
use solana_transaction::Transaction;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Length of a slot in seconds, about Solana's.
const SLOT_S: f64 = 0.4;

/// A cluster in memory with the programs loaded.
pub struct World {
    /// The VM.
    pub svm: LiteSVM,
    /// Pays every transaction and mints every token.
    pub payer: Keypair,
    /// Transactions sent, refused ones included.
    pub transactions: u64,
    /// Compute units of every successful instruction of Ballast, by its name.
    pub compute_units: BTreeMap<String, Vec<u64>>,
}

impl World {
    /// Loads the built programs and starts the clock at `now` (unix seconds).
    ///
    /// # Errors
    /// When the programs were not built yet.
    pub fn new(now: i64) -> Result<Self> {
        if native::wanted() {
            return Self::start(now, |svm| {
                native::load(svm);
                Ok(())
            });
        }
        Self::with_program(now, &read_program(Path::new("ballast.so"))?)
    }

    /// The same with another binary of Ballast.
    ///
    /// # Errors
    /// When the other programs were not built yet.
    pub fn with_program(now: i64, program: &[u8]) -> Result<Self> {
        Self::start(now, |svm| {
            svm.add_program(ballast::ID, program)
                .map_err(|error| anyhow!("cannot load Ballast: {error:?}"))
        })
    }

    fn start(now: i64, load_ballast: impl FnOnce(&mut LiteSVM) -> Result<()>) -> Result<Self> {
        let mut svm = LiteSVM::new().with_transaction_history(0);
        load_ballast(&mut svm)?;
        load(&mut svm, &oracle_stub::RECEIVER_ID, "oracle_stub.so")?;
        load(&mut svm, &oracle_stub::ORACLE_ID, "oracle_stub.so")?;
        let payer = Keypair::new_from_array([7; 32]);
        svm.airdrop(&payer.pubkey(), 100_000_000_000_000)
            .map_err(|refused| anyhow!("airdrop: {:?}", refused.err))?;
        let mut world = Self {
            svm,
            payer,
            transactions: 0,
            compute_units: BTreeMap::new(),
        };
        world.set_time(now);
        Ok(world)
    }

    /// The same without looking at signatures: whoever is marked as a signer has signed. Much faster.
    #[must_use]
    pub fn trusting(self) -> Self {
        Self {
            svm: self.svm.with_sigverify(false),
            ..self
        }
    }

    /// A copy that goes its own way.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            svm: self.svm.clone(),
            payer: self.payer.insecure_clone(),
            transactions: self.transactions,
            compute_units: BTreeMap::new(),
        }
    }

    /// The slot.
    pub fn slot(&self) -> u64 {
        self.svm.get_sysvar::<Clock>().slot
    }

    /// Cluster time, unix seconds.
    pub fn now(&self) -> i64 {
        self.svm.get_sysvar::<Clock>().unix_timestamp
    }

    /// Moves the clock, and the slot with it.
    pub fn set_time(&mut self, now: i64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        let elapsed = now.saturating_sub(clock.unix_timestamp).max(0) as f64;
        if clock.unix_timestamp > 0 {
            clock.slot += (elapsed / SLOT_S) as u64;
        }
        clock.unix_timestamp = now;
        self.svm.set_sysvar(&clock);
    }

    /// Lets slots pass within the same second.
    pub fn skip_slots(&mut self, slots: u64) {
        let mut clock = self.svm.get_sysvar::<Clock>();
        clock.slot += slots;
        self.svm.set_sysvar(&clock);
    }

    /// Moves the clock forward.
    pub fn advance(&mut self, seconds: i64) {
        self.set_time(self.now() + seconds);
    }

    /// Sends one transaction with ordinary signatures.
    pub fn send(
        &mut self,
        instructions: &[Instruction],
        signers: &[&Keypair],
    ) -> Result<TransactionMetadata, Refusal> {
        // A new blockhash each time, so that the same instruction can be sent twice.
        self.svm.expire_blockhash();
        let mut all = vec![&self.payer];
        all.extend(signers);
        let transaction = Transaction::new_signed_with_payer(
            instructions,
            Some(&self.payer.pubkey()),
            &all,
            self.svm.latest_blockhash(),
        );
        self.deliver(transaction)
    }

    /// Sends a transaction that is signed already.
    ///
    /// # Errors
    /// The refusal.
    pub fn deliver(&mut self, transaction: Transaction) -> Result<TransactionMetadata, Refusal> {
        self.transactions += 1;
        match self.svm.send_transaction(transaction) {
            Ok(done) => {
                self.record_compute_units(&done.logs);
                Ok(done)
            }
            Err(refused) => Err(Refusal {
                error: refused.err,
                logs: refused.meta.logs,
            }),
        }
    }

    /// Reads the compute units of each of Ballast's instructions off a log.
    fn record_compute_units(&mut self, logs: &[String]) {
        let invoked = format!("Program {} invoke [1]", ballast::ID);
        let consumed = format!("Program {} consumed ", ballast::ID);
        let mut name = None;
        for line in logs {
            if *line == invoked {
                name = None;
            } else if let Some(instruction) = line.strip_prefix("Program log: Instruction: ") {
                // The first name after the invocation is Ballast's; later ones are of programs it calls.
                name.get_or_insert(instruction);
            } else if let Some(rest) = line.strip_prefix(&consumed) {
                let units = rest.split(' ').next().and_then(|units| units.parse().ok());
                if let (Some(name), Some(units)) = (name.take(), units) {
                    self.compute_units
                        .entry(name.to_owned())
                        .or_default()
                        .push(units);
                }
            }
        }
    }

    /// A copy of an account's struct.
    ///
    /// # Errors
    /// When there is no such account, or it is of another type.
    pub fn read<T: Tagged>(&self, key: &Pubkey) -> Result<Box<T>> {
        let account = self.svm.get_account(key).context("no such account")?;
        read_account(&account.data).context("an account of another type")
    }

    /// Balance of a token account; 0 when there is none.
    pub fn tokens(&self, account: &Pubkey) -> u64 {
        let amount = |data: &[u8]| Some(u64::from_le_bytes(data.get(64..72)?.try_into().ok()?));
        self.svm
            .get_account(account)
            .and_then(|account| amount(&account.data))
            .unwrap_or(0)
    }

    /// Creates a mint whose authority is the payer.
    ///
    /// # Errors
    /// When the transaction is refused.
    pub fn create_mint(&mut self, mint: &Keypair, decimals: u8) -> Result<()> {
        const MINT_LEN: usize = 82;
        let payer = self.payer.pubkey();
        let rent = self.svm.minimum_balance_for_rent_exemption(MINT_LEN);
        let instructions = [
            system_instruction::create_account(
                &payer,
                &mint.pubkey(),
                rent,
                MINT_LEN as u64,
                &spl_token::ID,
            ),
            spl_token::instruction::initialize_mint2(
                &spl_token::ID,
                &mint.pubkey(),
                &payer,
                None,
                decimals,
            )?,
        ];
        self.send(&instructions, &[mint])?;
        Ok(())
    }

    /// Address of an owner's associated token account.
    pub fn token_address(owner: &Pubkey, mint: &Pubkey) -> Pubkey {
        ata::address::get_associated_token_address(owner, mint)
    }

    /// Mints tokens into an owner's associated account, which is created when needed.
    ///
    /// # Errors
    /// When the transaction is refused.
    pub fn mint_tokens(&mut self, mint: &Pubkey, owner: &Pubkey, amount: u64) -> Result<Pubkey> {
        let payer = self.payer.pubkey();
        let account = Self::token_address(owner, mint);
        let instructions = [
            ata::instruction::create_associated_token_account_idempotent(
                &payer,
                owner,
                mint,
                &spl_token::ID,
            ),
            spl_token::instruction::mint_to(&spl_token::ID, mint, &account, &payer, &[], amount)?,
        ];
        self.send(&instructions, &[])?;
        Ok(account)
    }
}

/// Where the built programs are: `$BALLAST_DEPLOY_DIR`, or where `cargo xtask build` puts them by default.
pub fn deploy_folder() -> PathBuf {
    std::env::var_os("BALLAST_DEPLOY_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/deploy"),
        PathBuf::from,
    )
}

/// The binary of a built program, by its path in [`deploy_folder`].
///
/// # Errors
/// When it was not built yet.
pub fn read_program(file: &Path) -> Result<Vec<u8>> {
    let path = deploy_folder().join(file);
    std::fs::read(&path).with_context(|| {
        let path = path.display();
        format!("cannot read {path} (build the programs with `cargo xtask build`)")
    })
}

fn load(svm: &mut LiteSVM, address: &Pubkey, file: &str) -> Result<()> {
    svm.add_program(*address, &read_program(Path::new(file))?)
        .map_err(|error| anyhow!("cannot load {file}: {error:?}"))
}
