//! Lookup tables: the addresses that every transaction of an exchange names take one byte each instead of 32.

use super::{ClientError, Connection};
use crate::Mirror;
use crate::oracle::all_price_accounts;
use anchor_lang::prelude::Pubkey;
use anchor_lang::system_program;
use anchor_spl::token;
use solana_address_lookup_table_interface::instruction::{
    create_lookup_table, extend_lookup_table,
};
use solana_address_lookup_table_interface::state::AddressLookupTable;
use solana_message::AddressLookupTableAccount;
use solana_signer::Signer;

/// Addresses that fit into one transaction beside the rest.
const ADDRESSES_PER_TRANSACTION: usize = 20;
/// Addresses that a table can hold.
const ADDRESSES_MAX: usize = 256;

/// What belongs into an exchange's table: the accounts that many transactions name. Markets come last, dated ones not at all: a table is for
/// what stays.
pub fn lookup_addresses(mirror: &Mirror) -> Vec<Pubkey> {
    let addresses = &mirror.addresses;
    let mut all = vec![
        addresses.exchange,
        addresses.board,
        addresses.insurance_fund(),
        token::ID,
        system_program::ID,
    ];
    for bank in mirror.banks.values() {
        all.extend([addresses.bank(&bank.mint), bank.vault, bank.mint]);
    }
    all.extend(
        all_price_accounts(&mirror.exchange)
            .iter()
            .map(|(key, _)| *key),
    );
    let perpetuals = mirror.markets.keys().filter(|terms| terms.is_perpetual());
    all.extend(perpetuals.map(|terms| addresses.market(terms)));
    all.truncate(ADDRESSES_MAX);
    all
}

impl Connection {
    /// Creates a lookup table with these addresses, owned by the payer, and gives its address. It can be used from the next slot on.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub async fn create_lookup_table(
        &self,
        payer: &dyn Signer,
        addresses: &[Pubkey],
    ) -> Result<Pubkey, ClientError> {
        let owner = payer.pubkey();
        // Any slot of the last minutes will do; a rooted one is on every fork.
        let slot = self
            .rpc
            .get_slot_with_commitment(solana_commitment_config::CommitmentConfig::finalized())
            .await?;
        let (create, table) = create_lookup_table(owner, owner, slot);
        let mut first = Some(create);
        for chunk in addresses.chunks(ADDRESSES_PER_TRANSACTION) {
            let extend = extend_lookup_table(table, owner, Some(owner), chunk.to_vec());
            let instructions: Vec<_> = first.take().into_iter().chain([extend]).collect();
            self.send(&instructions, &[payer]).await?;
        }
        Ok(table)
    }

    /// The same connection with a lookup table that its transactions use.
    ///
    /// # Errors
    /// [`ClientError::Rpc`]; [`ClientError::Account`] when there is no table at the address.
    pub async fn with_lookup_table(mut self, table: &Pubkey) -> Result<Self, ClientError> {
        let problem = |problem: &str| ClientError::Account {
            key: *table,
            problem: problem.into(),
        };
        let found = self.accounts(&[*table]).await?.pop().flatten();
        let (_, update) = found.ok_or_else(|| problem("does not exist"))?;
        let read = AddressLookupTable::deserialize(&update.data)
            .map_err(|_| problem("is no lookup table"))?;
        let mut tables = self.tables.to_vec();
        tables.push(AddressLookupTableAccount {
            key: *table,
            addresses: read.addresses.to_vec(),
        });
        self.tables = tables.into();
        Ok(self)
    }
}
