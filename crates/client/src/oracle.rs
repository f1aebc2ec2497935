//! Where feeds' prices stand on a cluster, and what stands there, read by the program's own code.

use anchor_lang::prelude::{AccountInfo, Pubkey, pubkey};
use ballast::oracle::{self, OraclePrice};
use ballast_state::{Exchange, Feed, FeedKind};

/// The program of Pyth's sponsored feeds: accounts at fixed addresses that are kept up to date.
pub const PUSH_ORACLE_ID: Pubkey = pubkey!("pythWSnswVUd12oZpeFP8e9CVaEqJg25g1Vtc2biRsT");
/// The Pyth receiver program.
pub const RECEIVER_ID: Pubkey = oracle::pull::PROGRAM_ID;

/// Where a feed's price may be found: for `pyth-push` its own account; for `pyth-pull`, where any account will do, that of the sponsored feed and,
/// for local clusters, where the stub writes it.
pub fn price_accounts(feed: &Feed) -> Vec<Pubkey> {
    match feed.kind() {
        Some(FeedKind::PythPush) => vec![Pubkey::new_from_array(feed.id)],
        Some(FeedKind::PythPull) => {
            let shard = 0u16.to_le_bytes();
            vec![
                Pubkey::find_program_address(&[&shard, &feed.id], &PUSH_ORACLE_ID).0,
                Pubkey::find_program_address(&[b"price", &feed.id], &RECEIVER_ID).0,
            ]
        }
        None => Vec::new(),
    }
}

/// A price account as it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PricePoint {
    /// The account.
    pub account: Pubkey,
    /// What it says.
    pub price: OraclePrice,
}

impl PricePoint {
    /// Reads an account; `None` when the program would not take it for any feed.
    pub fn read(account: &Pubkey, owner: &Pubkey, data: &[u8]) -> Option<Self> {
        let (mut lamports, mut data) = (1, data.to_vec());
        let info = AccountInfo::new(
            account,
            false,
            false,
            &mut lamports,
            &mut data,
            owner,
            false,
        );
        let price = oracle::read(&info).ok()?;
        Some(Self {
            account: *account,
            price,
        })
    }

    /// Whether `refresh_prices` would take it for a feed at `now` (unix seconds) although the board has a price of `board_time`.
    pub fn is_news(&self, feed: &Feed, board_time: i64, now: i64) -> bool {
        self.price.is_of(feed)
            && self.price.publish_time > board_time
            && self.price.for_feed(feed, now).is_ok()
    }

    /// The price in US dollars per whole unit, for display.
    pub fn dollars(&self) -> f64 {
        self.price.price as f64 * 10f64.powi(self.price.exponent)
    }
}

/// All price accounts of an exchange, each with the indexes of its feeds.
pub fn all_price_accounts(exchange: &Exchange) -> Vec<(Pubkey, u8)> {
    (0..exchange.feed_count)
        .filter_map(|index| exchange.feed(index).ok().map(|feed| (index, feed)))
        .flat_map(|(index, feed)| {
            price_accounts(feed)
                .into_iter()
                .map(move |key| (key, index))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytemuck::Zeroable;

    #[test]
    fn sponsored_feeds_stand_where_pyth_keeps_them() {
        // SOL/USD, https://docs.pyth.network/price-feeds/sponsored-feeds/solana
        let mut feed = Feed::zeroed();
        feed.kind = FeedKind::PythPull as u8;
        feed.id = [
            0xef, 0x0d, 0x8b, 0x6f, 0xda, 0x2c, 0xeb, 0xa4, 0x1d, 0xa1, 0x5d, 0x40, 0x95, 0xd1,
            0xda, 0x39, 0x2a, 0x0d, 0x2f, 0x8e, 0xd0, 0xc6, 0xc7, 0xbc, 0x0f, 0x4c, 0xfa, 0xc8,
            0xc2, 0x80, 0xb5, 0x6d,
        ];
        let sponsored = pubkey!("7UVimffxr9ow1uXYxsr4LHAcV58mLzhmwaeKvJ1pjLiE");
        assert_eq!(price_accounts(&feed)[0], sponsored);
        feed.kind = FeedKind::PythPush as u8;
        assert_eq!(price_accounts(&feed), [Pubkey::new_from_array(feed.id)]);
    }
}
