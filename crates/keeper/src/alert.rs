//! Telling a person.

use crate::config::Alerts;
use anchor_lang::prelude::Pubkey;
use serde_json::json;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long the webhook may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The stream and the snapshots say nothing.
    Silent,
    /// A price on the board is too old to be used.
    StalePrice,
    /// A volatility surface is too old to open options on.
    StaleSurface,
    /// An account is worth less than nothing.
    BadDebt,
    /// The insurance fund has less than it should.
    InsuranceLow,
    /// Depositors or counterparties bear a loss.
    LossShared,
    /// The keeper's own margin account is missing or below its floor.
    OwnMargin,
    /// The paying key is short of lamports.
    Lamports,
    /// One kind of work fails again and again.
    Failing,
}

impl Kind {
    /// As it stands in metrics and alerts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::StalePrice => "stale_price",
            Self::StaleSurface => "stale_surface",
            Self::BadDebt => "bad_debt",
            Self::InsuranceLow => "insurance_low",
            Self::LossShared => "loss_shared",
            Self::OwnMargin => "own_margin",
            Self::Lamports => "lamports",
            Self::Failing => "failing",
        }
    }

    fn severity(self) -> &'static str {
        match self {
            Self::BadDebt | Self::LossShared | Self::Silent => "critical",
            _ => "warning",
        }
    }
}

/// Sends alerts, each kind and subject not too often.
pub struct Alerter {
    webhook: Option<String>,
    repeat: Duration,
    exchange: Pubkey,
    client: reqwest::Client,
    raised: HashMap<(Kind, String), Instant>,
}

impl Alerter {
    /// `$NAME`s in the webhook's address are taken from the environment.
    ///
    /// # Errors
    /// When the environment does not have one of them.
    pub fn new(alerts: &Alerts, exchange: Pubkey) -> Result<Self, String> {
        let webhook = match alerts.webhook.as_deref() {
            Some(address) => Some(filled(address, |name| std::env::var(name).ok())?),
            None => None,
        };
        Ok(Self {
            webhook,
            repeat: Duration::from_secs(alerts.repeat_s),
            exchange,
            client: reqwest::Client::new(),
            raised: HashMap::new(),
        })
    }

    /// Tells, unless the same was told a short while ago. `subject` tells apart what is the same: an account, a feed, a duty.
    pub fn raise(&mut self, kind: Kind, subject: &str, text: &str, time: i64) {
        let key = (kind, subject.to_owned());
        let told = self.raised.get(&key);
        if told.is_some_and(|at| at.elapsed() < self.repeat) {
            return;
        }
        self.raised.insert(key, Instant::now());
        ::metrics::counter!(crate::metrics::names::ALERTS, "kind" => kind.name()).increment(1);
        tracing::warn!(kind = kind.name(), subject, "{text}");
        let Some(webhook) = self.webhook.clone() else {
            return;
        };
        let body = json!({
            "severity": kind.severity(),
            "kind": kind.name(),
            "subject": subject,
            "text": format!("[{}] {text}", kind.severity()),
            "exchange": self.exchange.to_string(),
            "time": time,
        });
        let request = self.client.post(webhook).timeout(TIMEOUT).json(&body);
        tokio::spawn(async move {
            let sent = request
                .send()
                .await
                .and_then(|answer| answer.error_for_status());
            if let Err(error) = sent {
                // Its address may hold a secret.
                tracing::error!(error = %error.without_url(), "the alert did not reach the webhook");
            }
        });
    }
}

/// Replaces every `$NAME` by what it stands for.
fn filled(text: &str, value: impl Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let end = after.find(|letter| !is_name(letter)).unwrap_or(after.len());
        let (name, next) = after.split_at(end);
        let value = value(name).ok_or_else(|| format!("the environment has no ${name}"))?;
        filled.push_str(&value);
        rest = next;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_come_from_the_environment() {
        let value = |name: &str| (name == "TOKEN_1").then(|| "secret".to_owned());
        let filled = |text| super::filled(text, value);
        assert_eq!(
            filled("https://x/$TOKEN_1/y").unwrap(),
            "https://x/secret/y"
        );
        assert_eq!(filled("https://x").unwrap(), "https://x");
        assert!(filled("https://x/$OTHER").unwrap_err().contains("$OTHER"));
    }
}
