//! Many transactions at once: simulated, signed, sent and watched together.

use super::send::{COMPUTE_FLOOR, COMPUTE_MARGIN, COMPUTE_UNITS_MAX, RESEND, is_answer, refused};
use super::{ClientError, Connection, Sent};
use anchor_lang::solana_program::instruction::Instruction;
use solana_hash::Hash;
use solana_rpc_client_api::config::RpcSendTransactionConfig;
use solana_signature::Signature;
use solana_signer::Signer;
use solana_transaction::versioned::VersionedTransaction;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, Semaphore, mpsc};

/// How often the node is asked about everything that is on its way.
const POLL: Duration = Duration::from_millis(250);
/// Signatures that one request may ask for.
const STATUSES_PER_REQUEST: usize = 256;
/// A blockhash older than this is replaced: transactions should have most of its life before them.
const BLOCKHASH_AGE_MAX: Duration = Duration::from_secs(3);
/// Compute limits differ by less than this from one transaction to the next, so that two with the same instructions are not the same.
const DISTINCT: u32 = 997;

/// What became of a transaction.
#[derive(Debug)]
pub struct Outcome<T> {
    /// What the sender called it.
    pub name: T,
    /// How it ended.
    pub result: Result<Sent, ClientError>,
    /// Whether anything was sent, and so a fee may have been paid.
    pub sent: bool,
    /// From when it was posted.
    pub elapsed: Duration,
}

/// Sends transactions of one signer, many at a time. What became of each comes out of the receiver that [`Outbox::new`] gives.
pub struct Outbox<T> {
    shared: Arc<Shared<T>>,
}

struct Shared<T> {
    connection: Connection,
    signer: Arc<dyn Signer + Send + Sync>,
    /// How many are simulated and sent at the same time; how many wait for confirmation is not limited.
    sending: Semaphore,
    blockhash: Mutex<Option<(Hash, u64, Instant)>>,
    distinct: AtomicU32,
    tracked: mpsc::UnboundedSender<Tracked<T>>,
    outcomes: mpsc::UnboundedSender<Outcome<T>>,
}

/// One that is on its way.
struct Tracked<T> {
    name: T,
    transaction: VersionedTransaction,
    last_height: u64,
    compute_units: u64,
    posted_at: Instant,
    sent_at: Instant,
}

impl<T: Send + 'static> Outbox<T> {
    /// An outbox that simulates and sends so many at the same time. Needs a tokio runtime. Everything stops when both ends are dropped.
    pub fn new(
        connection: Connection,
        signer: Arc<dyn Signer + Send + Sync>,
        parallel: usize,
    ) -> (Self, mpsc::UnboundedReceiver<Outcome<T>>) {
        let (tracked, tracking) = mpsc::unbounded_channel();
        let (outcomes, receiver) = mpsc::unbounded_channel();
        tokio::spawn(track(connection.clone(), tracking, outcomes.clone()));
        let shared = Shared {
            connection,
            signer,
            sending: Semaphore::new(parallel.max(1)),
            blockhash: Mutex::new(None),
            distinct: AtomicU32::new(0),
            tracked,
            outcomes,
        };
        let outbox = Self {
            shared: Arc::new(shared),
        };
        (outbox, receiver)
    }

    /// Takes a transaction on and returns at once.
    pub fn post(&self, name: T, instructions: Vec<Instruction>) {
        let shared = self.shared.clone();
        let posted_at = Instant::now();
        tokio::spawn(async move {
            match shared.send(&instructions).await {
                Ok((transaction, last_height, compute_units)) => {
                    // Nobody is left to be told when this fails.
                    let _ = shared.tracked.send(Tracked {
                        name,
                        transaction,
                        last_height,
                        compute_units,
                        posted_at,
                        sent_at: Instant::now(),
                    });
                }
                Err(error) => {
                    let _ = shared.outcomes.send(Outcome {
                        name,
                        result: Err(error),
                        sent: false,
                        elapsed: posted_at.elapsed(),
                    });
                }
            }
        });
    }

    /// Only simulates: what would have become of it, with the slot 0 and no signature.
    pub fn rehearse(&self, name: T, instructions: Vec<Instruction>) {
        let shared = self.shared.clone();
        let posted_at = Instant::now();
        tokio::spawn(async move {
            let _turn = shared.sending.acquire().await;
            let payer = shared.signer.pubkey();
            let simulated = shared.connection.simulate(&instructions, &payer).await;
            let _ = shared.outcomes.send(Outcome {
                name,
                result: simulated.map(|simulated| Sent {
                    signature: Signature::default(),
                    slot: 0,
                    compute_units: simulated.compute_units,
                }),
                sent: false,
                elapsed: posted_at.elapsed(),
            });
        });
    }
}

impl<T> Shared<T> {
    /// Simulates, signs and sends. Gives the transaction, the height until which it may be included, and its compute units.
    async fn send(
        &self,
        instructions: &[Instruction],
    ) -> Result<(VersionedTransaction, u64, u64), ClientError> {
        let _turn = self.sending.acquire().await;
        let payer = self.signer.pubkey();
        let simulated = self.connection.simulate(instructions, &payer).await?;
        let price = self.connection.priority_fee(instructions).await?;
        let (blockhash, last_height) = self.blockhash().await?;
        let units = (simulated.compute_units as f64 * COMPUTE_MARGIN) as u32;
        let distinct = self.distinct.fetch_add(1, Ordering::Relaxed) % DISTINCT;
        let limit = (units + COMPUTE_FLOOR + distinct).min(COMPUTE_UNITS_MAX - DISTINCT + distinct);
        let transaction =
            self.connection
                .signed(instructions, &[&*self.signer], limit, price, blockhash)?;
        let sent = self
            .connection
            .rpc
            .send_transaction_with_config(&transaction, unchecked())
            .await;
        match sent {
            // The node has not taken it. After any other error it may be on its way, and is watched.
            Err(error) if is_answer(&error) => return Err(error.into()),
            _ => {}
        }
        Ok((transaction, last_height, simulated.compute_units))
    }

    async fn blockhash(&self) -> Result<(Hash, u64), ClientError> {
        let mut cached = self.blockhash.lock().await;
        if let Some((hash, height, read_at)) = *cached
            && read_at.elapsed() < BLOCKHASH_AGE_MAX
        {
            return Ok((hash, height));
        }
        let (hash, height) = self
            .connection
            .rpc
            .get_latest_blockhash_with_commitment(self.connection.commitment())
            .await?;
        *cached = Some((hash, height, Instant::now()));
        Ok((hash, height))
    }
}

/// Watches what is on its way until each is in or has lapsed.
async fn track<T: Send>(
    connection: Connection,
    mut tracking: mpsc::UnboundedReceiver<Tracked<T>>,
    outcomes: mpsc::UnboundedSender<Outcome<T>>,
) {
    let mut on_their_way: HashMap<Signature, Tracked<T>> = HashMap::new();
    let mut poll = tokio::time::interval(POLL);
    poll.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            next = tracking.recv() => match next {
                Some(tracked) => {
                    on_their_way.insert(tracked.transaction.signatures[0], tracked);
                    continue;
                }
                // The outbox is gone; what it sent is watched to its end.
                None if on_their_way.is_empty() => return,
                None => { poll.tick().await; }
            },
            _ = poll.tick() => {}
        }
        if on_their_way.is_empty() || outcomes.is_closed() {
            continue;
        }
        poll_once(&connection, &mut on_their_way, &outcomes).await;
    }
}

async fn poll_once<T>(
    connection: &Connection,
    on_their_way: &mut HashMap<Signature, Tracked<T>>,
    outcomes: &mpsc::UnboundedSender<Outcome<T>>,
) {
    let signatures: Vec<Signature> = on_their_way.keys().copied().collect();
    for chunk in signatures.chunks(STATUSES_PER_REQUEST) {
        let Ok(statuses) = connection.statuses(chunk).await else {
            // The next time will tell.
            continue;
        };
        for (index, signature) in chunk.iter().enumerate() {
            let Some(tracked) = on_their_way.get_mut(signature) else {
                continue;
            };
            let ended = match statuses.of(index) {
                Some((slot, Ok(()))) => Ok(slot),
                Some((_, Err(error))) => {
                    let logs = connection.logs(signature).await.unwrap_or_default();
                    Err(refused(error, logs))
                }
                None if statuses.are_past(tracked.last_height) => {
                    connection.expired(*signature).await
                }
                None => {
                    resend(connection, tracked);
                    continue;
                }
            };
            let Some(tracked) = on_their_way.remove(signature) else {
                continue;
            };
            let _ = outcomes.send(Outcome {
                name: tracked.name,
                result: ended.map(|slot| Sent {
                    signature: *signature,
                    slot,
                    compute_units: tracked.compute_units,
                }),
                sent: true,
                elapsed: tracked.posted_at.elapsed(),
            });
        }
    }
}

/// Sends one again that has not been seen for a while, without waiting for the node.
fn resend<T>(connection: &Connection, tracked: &mut Tracked<T>) {
    if tracked.sent_at.elapsed() < RESEND {
        return;
    }
    tracked.sent_at = Instant::now();
    let (connection, transaction) = (connection.clone(), tracked.transaction.clone());
    tokio::spawn(async move {
        let again = connection
            .rpc
            .send_transaction_with_config(&transaction, unchecked());
        // It was sent before; whether this one arrives is seen by its status.
        let _ = tokio::time::timeout(RESEND, again).await;
    });
}

/// It was simulated, and is sent again here and not by the node.
pub(super) fn unchecked() -> RpcSendTransactionConfig {
    RpcSendTransactionConfig {
        skip_preflight: true,
        max_retries: Some(0),
        ..RpcSendTransactionConfig::default()
    }
}
