//! `ballast account history`: what the program has logged about an account.

use std::str::FromStr;

use serde::Serialize;
use solana_rpc_client::rpc_client::GetConfirmedSignaturesForAddress2Config;
use solana_signature::Signature;

use crate::context::{Context, Which};
use crate::event::Told;
use crate::failure::Failure;
use crate::names;
use crate::output::{Page, Show};
use ballast_client::rpc::ClientError;

#[derive(Serialize)]
struct Transaction {
    signature: String,
    slot: u64,
    time: Option<i64>,
    failed: bool,
    events: Vec<Told>,
}

#[derive(Serialize)]
struct History {
    account: String,
    transactions: Vec<Transaction>,
}

impl Show for History {
    fn show(&self, page: &mut Page) {
        if self.transactions.is_empty() {
            page.line("nothing: the node knows no transactions of this account");
        }
        for transaction in &self.transactions {
            let time = transaction
                .time
                .map_or_else(|| format!("slot {}", transaction.slot), names::time);
            let failed = if transaction.failed { "  failed" } else { "" };
            page.line(format!("{time}  {}{failed}", transaction.signature));
            for event in &transaction.events {
                page.line(format!("  {}", event.text));
            }
        }
    }
}

/// Prints it.
pub async fn history(
    context: &Context,
    which: &Which,
    limit: u16,
    before: Option<&str>,
) -> Result<(), Failure> {
    let session = context.session().await?;
    let key = which.key(context, &session.mirror.addresses.exchange)?;
    let before = before
        .map(Signature::from_str)
        .transpose()
        .map_err(|error| Failure::input(format!("--before: {error}")))?;
    let config = GetConfirmedSignaturesForAddress2Config {
        before,
        until: None,
        limit: Some(limit.into()),
        commitment: Some(session.connection.rpc().commitment()),
    };
    let found = session
        .connection
        .rpc()
        .get_signatures_for_address_with_config(&key, config)
        .await
        .map_err(ClientError::from)?;
    let mut transactions = Vec::new();
    for entry in found {
        let signature = Signature::from_str(&entry.signature)
            .map_err(|error| Failure::doing("a signature of the node", error))?;
        let failed = entry.err.is_some();
        let events = if failed {
            Vec::new()
        } else {
            let raw = session.connection.events(&signature).await?;
            let told = Told::all(&session.mirror, &raw);
            told.into_iter()
                .filter(|event| event.is_about(&key))
                .collect()
        };
        transactions.push(Transaction {
            signature: entry.signature,
            slot: entry.slot,
            time: entry.block_time,
            failed,
            events,
        });
    }
    context.print(&History {
        account: key.to_string(),
        transactions,
    })
}
