//! One exchange, with what its transactions need in front of them.

use super::{ClientError, ClusterTime, Connection, Sent};
use crate::oracle::{PricePoint, price_accounts};
use crate::{Mirror, Update, feeds, prepare};
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::clock::sysvar as clock;
use anchor_lang::solana_program::instruction::Instruction;
use solana_signer::Signer;
use solana_transaction_error::TransactionError;
use std::collections::BTreeSet;

/// An exchange on a cluster: reads what instructions touch, puts fresh prices and interest before them, and sends them.
///
/// ```no_run
/// # use ballast_client::rpc::{Connection, Session};
/// # use ballast_client::instructions;
/// # use solana_keypair::Keypair;
/// # use solana_signer::Signer;
/// # async fn example(exchange: anchor_lang::prelude::Pubkey, owner: Keypair) -> Result<(), Box<dyn std::error::Error>> {
/// let connection = Connection::new("http://127.0.0.1:8899");
/// let mut session = Session::open(connection, &exchange).await?;
/// let addresses = session.mirror.addresses;
/// let account = addresses.margin_account(&owner.pubkey(), 0);
/// let usdc = session.mirror.mint(0).expect("the quote asset is always listed");
/// let source = anchor_spl::associated_token::get_associated_token_address(&owner.pubkey(), &usdc);
/// // Interest is accrued in the same transaction, and prices refreshed where they are old.
/// let sent = session
///     .execute(
///         &[
///             instructions::open_account(&addresses, &owner.pubkey(), &owner.pubkey(), 0),
///             instructions::deposit(&addresses, &usdc, &account, &owner.pubkey(), &source, 1_000_000_000),
///         ],
///         &[&owner],
///     )
///     .await?;
/// println!("{} with {} compute units", sent.signature, sent.compute_units);
/// # Ok(())
/// # }
/// ```
pub struct Session {
    /// The cluster.
    pub connection: Connection,
    /// What is known of the exchange; of margin accounts those that were asked for or named in instructions.
    pub mirror: Mirror,
    /// When that was read.
    pub time: ClusterTime,
}

impl Session {
    /// Reads an exchange.
    ///
    /// # Errors
    /// [`ClientError::Rpc`], [`ClientError::Account`].
    pub async fn open(connection: Connection, exchange: &Pubkey) -> Result<Self, ClientError> {
        Ok(Self {
            mirror: connection.exchange(exchange).await?,
            time: connection.time().await?,
            connection,
        })
    }

    /// Reads board, configuration, the time and these accounts anew, in one request where they are fewer than a hundred.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn read(&mut self, accounts: &[Pubkey]) -> Result<(), ClientError> {
        let addresses = self.mirror.addresses;
        let mut keys = BTreeSet::from([clock::ID, addresses.exchange, addresses.board]);
        keys.extend(accounts);
        let keys: Vec<Pubkey> = keys.into_iter().collect();
        let found = self.connection.accounts(&keys).await?;
        for (key, account) in keys.iter().zip(found) {
            match account {
                Some((_, update)) if *key == clock::ID => {
                    self.time = ClusterTime::read(&update.data).unwrap_or(self.time);
                }
                Some((owner, update)) if owner == ballast::ID => {
                    self.mirror.apply(&update);
                }
                Some(_) => {}
                None => {
                    self.mirror.apply(&Update {
                        key: *key,
                        slot: self.time.slot,
                        data: Vec::new(),
                    });
                }
            }
        }
        Ok(())
    }

    /// What is sent for these instructions: with fresh prices and interest before them ([`prepare`]).
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn prepared(
        &mut self,
        instructions: &[Instruction],
    ) -> Result<Vec<Instruction>, ClientError> {
        let own = instructions
            .iter()
            .filter(|instruction| instruction.program_id == ballast::ID);
        let keys: Vec<Pubkey> = own
            .flat_map(|instruction| instruction.accounts.iter().map(|meta| meta.pubkey))
            .collect();
        self.read(&keys).await?;
        let prices = self.prices(&feeds(&self.mirror, instructions)).await?;
        Ok(prepare(&self.mirror, self.time.unix, &prices, instructions))
    }

    /// Prepares and sends. The first signer pays.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn execute(
        &mut self,
        instructions: &[Instruction],
        signers: &[&dyn Signer],
    ) -> Result<Sent, ClientError> {
        let prepared = self.prepared(instructions).await?;
        let before = prepared.len() - instructions.len();
        let sent = self.connection.send(&prepared, signers).await;
        sent.map_err(|error| counted_after(error, before))
    }

    /// The prices that stand in the accounts of these feeds.
    ///
    /// # Errors
    /// [`ClientError::Rpc`].
    pub async fn prices(&self, feeds: &BTreeSet<u8>) -> Result<Vec<PricePoint>, ClientError> {
        let listed = feeds
            .iter()
            .filter_map(|index| self.mirror.exchange.feed(*index).ok());
        let keys: Vec<Pubkey> = listed.flat_map(price_accounts).collect();
        let found = self.connection.accounts(&keys).await?;
        let read = found
            .iter()
            .flatten()
            .filter_map(|(owner, update)| PricePoint::read(&update.key, owner, &update.data));
        Ok(read.collect())
    }
}

/// A refusal that counts the caller's instructions, without those that stand before them; one of these keeps its place and can be told by the
/// program's message.
fn counted_after(mut error: ClientError, before: usize) -> ClientError {
    if let ClientError::Refused(refusal) = &mut error
        && let TransactionError::InstructionError(index, _) = &mut refusal.error
        && usize::from(*index) >= before
    {
        *index -= before as u8;
    }
    error
}
