//! The program `sbf-probe` in a VM of its own.

use crate::world::deploy_folder;
use ballast_client::state::health::View;
use ballast_client::state::{MarginAccount, Tagged};
use litesvm::LiteSVM;
use sbf_probe::engine;
use solana_account::Account;
use solana_address::Address;
use solana_instruction::{AccountMeta, Instruction};
use solana_keypair::Keypair;
use solana_message::Message;
use solana_signer::Signer;
use solana_transaction::Transaction;

/// The program and who pays for its transactions.
pub struct Probe {
    svm: LiteSVM,
    payer: Keypair,
    program: Address,
    accounts: [Address; 3],
}

/// What an instruction returned.
#[derive(Debug)]
pub struct Answer {
    /// Its return data.
    pub bytes: Vec<u8>,
    /// The compute units of the whole transaction.
    pub compute_units: u64,
    /// Those of what the program meters, 0 when it meters nothing.
    pub metered_units: u64,
}

impl Default for Probe {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets a transaction use all compute units that one may: the largest accounts take more than the default.
pub fn all_units() -> Instruction {
    let limit = [&[2], 1_400_000u32.to_le_bytes().as_slice()].concat();
    let budget = Address::from_str_const("ComputeBudget111111111111111111111111111111");
    Instruction::new_with_bytes(budget, &limit, vec![])
}

impl Probe {
    /// Loads the program.
    pub fn new() -> Self {
        let mut svm = LiteSVM::new()
            .with_sigverify(false)
            .with_transaction_history(0);
        let payer = Keypair::new();
        svm.airdrop(&payer.pubkey(), 1_000_000_000_000).unwrap();
        let program = Address::new_unique();
        let file = deploy_folder().join("sbf_probe.so");
        svm.add_program_from_file(program, &file)
            .unwrap_or_else(|error| panic!("{}: {error}; run `cargo xtask build`", file.display()));
        Self {
            svm,
            payer,
            program,
            accounts: [(); 3].map(|()| Address::new_unique()),
        }
    }

    /// Runs one instruction without accounts; `length` bytes are expected back.
    ///
    /// # Errors
    /// The VM's, with its log.
    pub fn call(&mut self, data: &[u8], length: usize) -> Result<Answer, String> {
        self.send(data, length, vec![])
    }

    fn send(
        &mut self,
        data: &[u8],
        length: usize,
        accounts: Vec<AccountMeta>,
    ) -> Result<Answer, String> {
        let instruction = Instruction::new_with_bytes(self.program, data, accounts);
        let message = Message::new(&[all_units(), instruction], Some(&self.payer.pubkey()));
        let transaction = Transaction::new(&[&self.payer], message, self.svm.latest_blockhash());
        let outcome = self
            .svm
            .send_transaction(transaction)
            .map_err(|failure| format!("{:?}\n{}", failure.err, failure.meta.pretty_logs()))?;
        self.svm.expire_blockhash();
        // The VM drops trailing zeros of return data.
        let mut bytes = outcome.return_data.data;
        bytes.resize(length, 0);
        Ok(Answer {
            bytes,
            compute_units: outcome.compute_units_consumed,
            metered_units: metered(&outcome.logs),
        })
    }

    /// Assesses a margin account there: the outcome's digest and the compute units of the assessment alone. `purpose` is a number in
    /// [`engine::PURPOSES`].
    ///
    /// # Panics
    /// If the program fails.
    pub fn health(&mut self, view: &View, account: &MarginAccount, purpose: u8) -> (u64, u64) {
        let accounts = [data(view.exchange), data(view.board), data(account)];
        for (address, data) in self.accounts.iter().zip(accounts) {
            let account = Account {
                lamports: 1_000_000_000,
                data,
                owner: self.program,
                ..Account::default()
            };
            self.svm.set_account(*address, account).unwrap();
        }
        let metas = self
            .accounts
            .map(|address| AccountMeta::new_readonly(address, false));
        let mut data = vec![engine::HEALTH, purpose];
        data.extend(view.now.to_le_bytes());
        let answer = self
            .send(&data, 8, metas.to_vec())
            .unwrap_or_else(|failure| panic!("{failure}"));
        let digest = answer.bytes.as_slice().try_into().unwrap();
        (u64::from_le_bytes(digest), answer.metered_units)
    }
}

/// A whole account: its tag and its struct.
fn data<T: Tagged>(account: &T) -> Vec<u8> {
    [T::TAG, bytemuck::bytes_of(account)].concat()
}

/// The units between the second and the third entry of the log, without those between the first and the second.
fn metered(log: &[String]) -> u64 {
    let left: Vec<u64> = log
        .iter()
        .filter_map(|line| {
            line.strip_prefix("Program consumption: ")?
                .strip_suffix(" units remaining")?
                .parse()
                .ok()
        })
        .collect();
    match left[..] {
        [first, second, third] => (second - third) - (first - second),
        _ => 0,
    }
}
