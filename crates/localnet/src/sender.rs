//! One key's transactions.

use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::rpc::{ClientError, Connection, Outbox, Outcome, Sent};
use solana_keypair::Keypair;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;

/// How many transactions are simulated and sent at the same time.
const PARALLEL: usize = 4;

/// Sends transactions that one key signs and pays for. Unlike [`Connection::send`] it can be used on any thread.
pub(crate) struct Sender {
    outbox: Outbox<(u64, usize)>,
    outcomes: UnboundedReceiver<Outcome<(u64, usize)>>,
    batch: u64,
}

impl Sender {
    pub fn new(connection: &Connection, signer: &Keypair) -> Self {
        let signer = Arc::new(signer.insecure_clone());
        let (outbox, outcomes) = Outbox::new(connection.clone(), signer, PARALLEL);
        Self {
            outbox,
            outcomes,
            batch: 0,
        }
    }

    /// Sends one and waits until it is confirmed.
    pub async fn send(&mut self, instructions: Vec<Instruction>) -> Result<Sent, ClientError> {
        let results = self.send_all(vec![instructions]).await;
        results.into_iter().next().unwrap_or_else(|| Err(gone()))
    }

    /// Sends several at once and waits until each is confirmed or has failed. The results stand in the sequence of the transactions.
    pub async fn send_all(
        &mut self,
        transactions: Vec<Vec<Instruction>>,
    ) -> Vec<Result<Sent, ClientError>> {
        self.batch += 1;
        let mut waiting = transactions.len();
        let mut results: Vec<_> = transactions.iter().map(|_| Err(gone())).collect();
        for (index, instructions) in transactions.into_iter().enumerate() {
            self.outbox.post((self.batch, index), instructions);
        }
        while waiting > 0 {
            let Some(outcome) = self.outcomes.recv().await else {
                break;
            };
            // What an earlier call that was given up has left behind is nobody's.
            if outcome.name.0 == self.batch {
                results[outcome.name.1] = outcome.result;
                waiting -= 1;
            }
        }
        results
    }
}

fn gone() -> ClientError {
    ClientError::Message("nobody sends any more".into())
}
