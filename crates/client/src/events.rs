//! The program's events, read off a transaction's log.

use anchor_lang::{AnchorDeserialize, Discriminator};
pub use ballast::events::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawEvent(Vec<u8>);

impl RawEvent {
    /// The event as `T`, `None` when it is another one.
    pub fn parse<T: AnchorDeserialize + Discriminator>(&self) -> Option<T> {
        let body = self.0.strip_prefix(T::DISCRIMINATOR)?;
        T::try_from_slice(body).ok()
    }
}

/// Every event that Ballast itself logged, in order. What other programs log in between is passed over.
pub fn decode_all(logs: &[String]) -> Vec<RawEvent> {
    let mut stack: Vec<&str> = Vec::new();
    let program = ballast::ID.to_string();
    let mut events = Vec::new();
    for line in logs {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["Program", "data:", data, ..] if stack.last() == Some(&program.as_str()) => {
                events.extend(STANDARD.decode(data).ok().map(RawEvent));
            }
            ["Program", id, "invoke", _] => stack.push(id),
            ["Program", _, "success"] | ["Program", _, "failed:", ..] => {
                stack.pop();
            }
            _ => {}
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchor_lang::AnchorSerialize;
    use anchor_lang::prelude::Pubkey;
    use ballast::events::{LiquidationEnded, OrderCancelled};

    #[test]
    fn only_the_programs_own_events_are_read() {
        let event = LiquidationEnded {
            margin_account: Pubkey::new_from_array([3; 32]),
        };
        let mut bytes = LiquidationEnded::DISCRIMINATOR.to_vec();
        event.serialize(&mut bytes).unwrap();
        let data = format!("Program data: {}", STANDARD.encode(&bytes));
        let logs = [
            format!("Program {} invoke [1]", ballast::ID),
            "Program Forged invoke [2]".into(),
            data.clone(),
            "Program Forged success".into(),
            data,
            format!("Program {} success", ballast::ID),
        ];
        let events = decode_all(&logs);
        assert_eq!(events.len(), 1);
        let parsed = events[0].parse::<LiquidationEnded>().unwrap();
        assert_eq!(parsed.margin_account, event.margin_account);
        assert!(events[0].parse::<OrderCancelled>().is_none());
    }
}
