//! Sending: simulation decides the compute limit, the last blocks the priority fee; sent again until it is confirmed or has lapsed.

use super::outbox::unchecked;
use super::{ClientError, Connection};
use crate::errors::Refusal;
use crate::events::{RawEvent, decode_all};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use solana_commitment_config::{CommitmentConfig, CommitmentLevel};
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_hash::Hash;
use solana_message::{VersionedMessage, v0};
use solana_rpc_client_api::client_error::{Error as RpcError, ErrorKind};
use solana_rpc_client_api::config::{RpcSimulateTransactionConfig, RpcTransactionConfig};
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use solana_transaction_error::TransactionError;
use solana_transaction_status_client_types::UiTransactionEncoding;
use solana_transaction_status_client_types::option_serializer::OptionSerializer;
use std::time::{Duration, Instant};

/// Compute units that a transaction may have.
pub(super) const COMPUTE_UNITS_MAX: u32 = 1_400_000;
/// Above what the simulation took: prices and slots may have moved until the transaction runs.
pub(super) const COMPUTE_MARGIN: f64 = 1.15;
/// For the two instructions that set limit and price, and a little more.
pub(super) const COMPUTE_FLOOR: u32 = 1_000;
/// How often the node is asked whether a transaction is in.
const POLL: Duration = Duration::from_millis(300);
/// How often a transaction that is not in yet is sent again.
pub(super) const RESEND: Duration = Duration::from_secs(2);
/// When a node has not answered for so long, what became of a transaction is left open.
const SILENCE_MAX: Duration = Duration::from_secs(90);
/// Bytes that a transaction may have.
const TRANSACTION_BYTES_MAX: usize = 1_232;

/// What is paid per compute unit above the base fee, millionths of a lamport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriorityFee {
    /// Nothing.
    None,
    /// Always the same.
    Fixed(u64),
    /// What the given percentage of the last blocks' transactions that wrote to the same accounts paid at most, and never more than `max`.
    Recent {
        /// Of 100.
        percentile: u8,
        /// Millionths of a lamport per compute unit.
        max: u64,
    },
}

/// How transactions are sent.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// When a reading counts and a transaction is done.
    pub commitment: CommitmentLevel,
    /// What is paid to be sooner.
    pub priority_fee: PriorityFee,
    /// How long a node may take for an answer.
    pub request_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            commitment: CommitmentLevel::Confirmed,
            priority_fee: PriorityFee::Recent {
                percentile: 75,
                max: 1_000_000,
            },
            request_timeout: Duration::from_secs(30),
        }
    }
}

/// A transaction that went through.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Its signature.
    pub signature: Signature,
    /// The slot it is in.
    pub slot: u64,
    /// Compute units that its simulation took.
    pub compute_units: u64,
}

/// What a simulation says.
#[derive(Clone, Debug)]
pub struct Simulated {
    /// Compute units.
    pub compute_units: u64,
    /// The log.
    pub logs: Vec<String>,
}

impl Connection {
    /// Simulates, sets the compute limit and the priority fee, signs, sends, and waits until it is confirmed. The first signer pays.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the program's reason, from the simulation (then nothing was sent) or from the block;
    /// [`ClientError::Expired`]; [`ClientError::Unknown`]; [`ClientError::Rpc`] (nothing was sent); [`ClientError::Message`].
    pub async fn send(
        &self,
        instructions: &[Instruction],
        signers: &[&dyn Signer],
    ) -> Result<Sent, ClientError> {
        let payer = payer(signers)?;
        let simulated = self.simulate(instructions, &payer).await?;
        let price = self.priority_fee(instructions).await?;
        let units = simulated.compute_units as f64 * COMPUTE_MARGIN;
        let limit = (units as u32 + COMPUTE_FLOOR).min(COMPUTE_UNITS_MAX);
        let (signature, slot) = self
            .send_with_budget(instructions, signers, limit, price)
            .await?;
        Ok(Sent {
            signature,
            slot,
            compute_units: simulated.compute_units,
        })
    }

    /// As [`Connection::send`] with a compute limit and a price (millionths of a lamport per unit) that the caller knows, without a simulation. Gives
    /// signature and slot.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn send_with_budget(
        &self,
        instructions: &[Instruction],
        signers: &[&dyn Signer],
        limit: u32,
        price: u64,
    ) -> Result<(Signature, u64), ClientError> {
        let (blockhash, last_height) = self
            .rpc
            .get_latest_blockhash_with_commitment(self.commitment())
            .await?;
        let transaction = self.signed(instructions, signers, limit, price, blockhash)?;
        let slot = self.confirm(&transaction, last_height).await?;
        Ok((transaction.signatures[0], slot))
    }

    /// A signed transaction with a compute limit and a price (millionths of a lamport per unit). The first signer pays.
    ///
    /// # Errors
    /// [`ClientError::Message`].
    pub fn signed(
        &self,
        instructions: &[Instruction],
        signers: &[&dyn Signer],
        limit: u32,
        price: u64,
        blockhash: Hash,
    ) -> Result<VersionedTransaction, ClientError> {
        let budgeted = with_budget(instructions, limit, price);
        let message = self.message(&budgeted, &payer(signers)?, blockhash)?;
        VersionedTransaction::try_new(message, signers)
            .map_err(|error| ClientError::Message(error.to_string()))
    }

    /// Runs instructions on the node without sending them. Nobody signs.
    ///
    /// # Errors
    /// [`ClientError::Refused`], [`ClientError::Rpc`], [`ClientError::Message`].
    pub async fn simulate(
        &self,
        instructions: &[Instruction],
        payer: &Pubkey,
    ) -> Result<Simulated, ClientError> {
        let budgeted = with_budget(instructions, COMPUTE_UNITS_MAX, 0);
        let message = self.message(&budgeted, payer, Hash::default())?;
        let signatures = usize::from(message.header().num_required_signatures);
        let transaction = VersionedTransaction {
            signatures: vec![Signature::default(); signatures],
            message,
        };
        let config = RpcSimulateTransactionConfig {
            sig_verify: false,
            replace_recent_blockhash: true,
            commitment: Some(self.commitment()),
            ..RpcSimulateTransactionConfig::default()
        };
        let response = self
            .rpc
            .simulate_transaction_with_config(&transaction, config)
            .await?;
        let logs = response.value.logs.unwrap_or_default();
        match response.value.err {
            Some(error) => Err(refused(error.into(), logs)),
            None => Ok(Simulated {
                compute_units: response.value.units_consumed.unwrap_or_default(),
                logs,
            }),
        }
    }

    /// The log of a confirmed transaction.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], also while the node has not stored the transaction yet.
    pub async fn logs(&self, signature: &Signature) -> Result<Vec<String>, ClientError> {
        let config = RpcTransactionConfig {
            encoding: Some(UiTransactionEncoding::Base64),
            commitment: Some(self.commitment()),
            max_supported_transaction_version: Some(0),
        };
        let found = self
            .rpc
            .get_transaction_with_config(signature, config)
            .await?;
        let logs = found.transaction.meta.map(|meta| meta.log_messages);
        Ok(match logs {
            Some(OptionSerializer::Some(logs)) => logs,
            _ => Vec::new(),
        })
    }

    /// What the program logged in a confirmed transaction.
    ///
    /// # Errors
    /// As [`Connection::logs`].
    pub async fn events(&self, signature: &Signature) -> Result<Vec<RawEvent>, ClientError> {
        Ok(decode_all(&self.logs(signature).await?))
    }

    /// What is paid per compute unit for what writes to these accounts, millionths of a lamport.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn priority_fee(&self, instructions: &[Instruction]) -> Result<u64, ClientError> {
        let (percentile, max) = match self.settings.priority_fee {
            PriorityFee::None => return Ok(0),
            PriorityFee::Fixed(price) => return Ok(price),
            PriorityFee::Recent { percentile, max } => (percentile, max),
        };
        let mut writable: Vec<Pubkey> = instructions
            .iter()
            .flat_map(|instruction| &instruction.accounts)
            .filter(|meta| meta.is_writable)
            .map(|meta| meta.pubkey)
            .collect();
        writable.sort_unstable();
        writable.dedup();
        writable.truncate(super::ACCOUNTS_PER_REQUEST);
        let recent = self.rpc.get_recent_prioritization_fees(&writable).await?;
        let fees = recent.iter().map(|block| block.prioritization_fee);
        Ok(at_percentile(fees.collect(), percentile).min(max))
    }

    pub(super) fn commitment(&self) -> CommitmentConfig {
        CommitmentConfig {
            commitment: self.settings.commitment,
        }
    }

    fn message(
        &self,
        instructions: &[Instruction],
        payer: &Pubkey,
        blockhash: Hash,
    ) -> Result<VersionedMessage, ClientError> {
        let failed = |problem: String| ClientError::Message(problem);
        let message = v0::Message::try_compile(payer, instructions, &self.tables, blockhash)
            .map_err(|error| failed(error.to_string()))?;
        let signatures = usize::from(message.header.num_required_signatures);
        let message = VersionedMessage::V0(message);
        let bytes = message.serialize().len() + 1 + signatures * 64;
        if bytes > TRANSACTION_BYTES_MAX {
            return Err(failed(format!(
                "it has {bytes} bytes, {TRANSACTION_BYTES_MAX} are allowed: split it or use a lookup table"
            )));
        }
        Ok(message)
    }

    /// Sends until it is in, or cannot be any more. Gives the slot.
    async fn confirm(
        &self,
        transaction: &VersionedTransaction,
        last_height: u64,
    ) -> Result<u64, ClientError> {
        let signature = transaction.signatures[0];
        let mut sent_at: Option<Instant> = None;
        let mut heard_at = Instant::now();
        loop {
            if sent_at.is_none_or(|at| at.elapsed() >= RESEND) {
                let sent = self
                    .rpc
                    .send_transaction_with_config(transaction, unchecked())
                    .await;
                if let (Err(error), None) = (sent, sent_at)
                    && is_answer(&error)
                {
                    return Err(error.into());
                }
                sent_at = Some(Instant::now());
            }
            tokio::time::sleep(POLL).await;
            if let Ok(statuses) = self.statuses(&[signature]).await {
                heard_at = Instant::now();
                match statuses.of(0) {
                    Some((slot, Ok(()))) => return Ok(slot),
                    Some((_, Err(error))) => {
                        let logs = self.logs(&signature).await.unwrap_or_default();
                        return Err(refused(error, logs));
                    }
                    None if statuses.are_past(last_height) => return self.expired(signature).await,
                    None => {}
                }
            }
            if heard_at.elapsed() > SILENCE_MAX {
                return Err(ClientError::Unknown(signature));
            }
        }
    }

    /// What became of transactions, with the height at which that was so.
    pub(super) async fn statuses(&self, signatures: &[Signature]) -> Result<Statuses, ClientError> {
        // The height before the statuses, and only if the node that tells them is not behind: what is not in then, and has lapsed at this height, will
        // not be in any more.
        let epoch = self
            .rpc
            .get_epoch_info_with_commitment(self.commitment())
            .await?;
        let response = self.rpc.get_signature_statuses(signatures).await?;
        let ended = response.value.into_iter().map(|status| {
            let ended = status.filter(|status| status.satisfies_commitment(self.commitment()));
            ended.map(|status| (status.slot, status.status))
        });
        Ok(Statuses {
            ended: ended.collect(),
            height: (response.context.slot >= epoch.absolute_slot).then_some(epoch.block_height),
        })
    }

    /// A transaction that has lapsed and is not known: the node's history has the last word. Gives the slot when it is in after all.
    pub(super) async fn expired(&self, signature: Signature) -> Result<u64, ClientError> {
        let found = self
            .rpc
            .get_signature_statuses_with_history(&[signature])
            .await;
        match found {
            Ok(response) => match response.value.into_iter().next().flatten() {
                Some(status) => match status.status {
                    Ok(()) => Ok(status.slot),
                    Err(error) => Err(refused(error, Vec::new())),
                },
                None => Err(ClientError::Expired(signature)),
            },
            // Nodes without a history cannot tell.
            Err(_) => Err(ClientError::Expired(signature)),
        }
    }
}

/// How transactions stand.
pub(super) struct Statuses {
    ended: Vec<Option<(u64, Result<(), TransactionError>)>>,
    /// The block height when they stood so, if that is certain.
    height: Option<u64>,
}

impl Statuses {
    /// Slot and result of one, by the sequence of the question, once it has the commitment.
    pub(super) fn of(&self, index: usize) -> Option<(u64, Result<(), TransactionError>)> {
        self.ended.get(index).cloned().flatten()
    }

    /// Whether what was to be in by a height would be in.
    pub(super) fn are_past(&self, last_height: u64) -> bool {
        self.height.is_some_and(|height| height > last_height)
    }
}

/// Whether the node itself has refused to take a transaction. Every other error leaves open whether it was passed on.
pub(super) fn is_answer(error: &RpcError) -> bool {
    use solana_rpc_client_api::request::RpcError::RpcResponseError;
    matches!(error.kind(), ErrorKind::RpcError(RpcResponseError { .. }))
}

fn payer(signers: &[&dyn Signer]) -> Result<Pubkey, ClientError> {
    let first = signers.first();
    first
        .map(|signer| signer.pubkey())
        .ok_or_else(|| ClientError::Message("nobody signs it".into()))
}

pub(super) fn refused(
    error: solana_transaction_error::TransactionError,
    logs: Vec<String>,
) -> ClientError {
    // Two budget instructions stand before the caller's.
    use TransactionError::InstructionError;
    let error = match error {
        InstructionError(index, reason) => {
            InstructionError(index.saturating_sub(BUDGET_INSTRUCTIONS), reason)
        }
        other => other,
    };
    ClientError::Refused(Box::new(Refusal { error, logs }))
}

const BUDGET_INSTRUCTIONS: u8 = 2;

fn with_budget(instructions: &[Instruction], limit: u32, price: u64) -> Vec<Instruction> {
    let mut all = vec![
        ComputeBudgetInstruction::set_compute_unit_limit(limit),
        ComputeBudgetInstruction::set_compute_unit_price(price),
    ];
    all.extend_from_slice(instructions);
    all
}

/// The smallest of the fees that so many percent of them do not exceed.
fn at_percentile(mut fees: Vec<u64>, percentile: u8) -> u64 {
    fees.sort_unstable();
    let rank = (fees.len() * usize::from(percentile.min(100))).div_ceil(100);
    fees.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles() {
        assert_eq!(at_percentile(vec![], 75), 0);
        assert_eq!(at_percentile(vec![7], 75), 7);
        assert_eq!(at_percentile(vec![4, 1, 3, 2], 75), 3);
        assert_eq!(at_percentile(vec![4, 1, 3, 2], 100), 4);
        assert_eq!(at_percentile(vec![4, 1, 3, 2], 0), 1);
    }
}
