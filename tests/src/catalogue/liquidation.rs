//! Calls that take accounts below their margin apart.

use super::{Call, Entry, Person, Scene};
use crate::{ETH, SOL};
use ballast_client::args::LiquidateArgs;
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, Side};
use ballast_sim::Venue;
use solana_signer::Signer;

pub(super) const ENTRIES: &[Entry] = &entries![
    start_liquidation,
    liquidate,
    auto_deleverage,
    resolve_bankruptcy,
];

/// 1 in Q32: the whole portfolio.
const WHOLE: u64 = 1 << 32;

impl Scene {
    /// The trader buys SOL and ETH from the maker on margin.
    fn lever(&mut self, tokens: f64) {
        let (trader, maker) = (Person::Trader.key(), Person::Maker.key());
        for (asset, tokens) in [(SOL, tokens), (ETH, 1.0)] {
            let dollars = self.stage.prices[asset];
            let traded = self
                .stage
                .trade(&maker, &trader, asset, Side::Bid, tokens, dollars);
            traded.unwrap_or_else(|refusal| panic!("{refusal}"));
        }
    }

    /// SOL falls and the trader's account is flagged, its auction watched for so long.
    fn flag(&mut self, dollars: f64, elapsed_s: u64) {
        self.stage.world.advance(10);
        self.stage.set_price(SOL, dollars);
        let account = self.account(Person::Trader);
        let start = instructions::start_liquidation(&self.stage.venue.addresses, &account);
        self.send(start, &[]);
        self.stage
            .patch::<MarginAccount>(&account, |account| account.auction_elapsed_s = elapsed_s);
    }
}

fn start_liquidation(scene: &mut Scene) -> Call {
    scene.lever(140.0);
    scene.stage.world.advance(10);
    scene.stage.set_price(SOL, 150.0);
    let account = scene.account(Person::Trader);
    let addresses = &scene.stage.venue.addresses;
    Call::new(instructions::start_liquidation(addresses, &account), &[])
}

/// The trader owes SOL as well. The maker's delegate takes all of it, with the maker's opposite positions and deposit netted.
fn liquidate(scene: &mut Scene) -> Call {
    scene.stage.insure(100_000.0);
    let trader = Person::Trader.key();
    let borrow = scene.stage.withdraw(&trader, SOL, 5_000_000_000, true);
    scene.send(borrow, &[&trader]);
    scene.lever(140.0);
    scene.flag(150.0, 900);
    let venue = &scene.stage.venue;
    let netting = [
        scene.stage.market(SOL),
        scene.stage.market(ETH),
        venue.addresses.bank(&venue.mints[SOL]),
    ];
    let args = LiquidateArgs {
        fraction_max_q32: WHOLE,
        price_max: i64::MAX,
    };
    let signer = Person::Delegate.key();
    let liquidate = instructions::liquidate(
        &venue.addresses,
        &venue.mints[0],
        &scene.account(Person::Trader),
        &scene.account(Person::Maker),
        &signer.pubkey(),
        &netting,
        args,
    );
    Call::new(liquidate, &[&signer])
}

/// The trader is insolvent with open positions and the insurance fund is empty.
fn auto_deleverage(scene: &mut Scene) -> Call {
    scene.lever(200.0);
    scene.flag(130.0, 900);
    let (account, counterparty) = (scene.account(Person::Trader), scene.account(Person::Maker));
    let (addresses, terms) = (&scene.stage.venue.addresses, Venue::perpetual(SOL));
    let deleverage =
        instructions::auto_deleverage(addresses, &terms, &account, &counterparty, u64::MAX);
    Call::new(deleverage, &[])
}

/// The trader borrowed USDC against SOL that is worth less now, and nobody has taken his account over.
fn resolve_bankruptcy(scene: &mut Scene) -> Call {
    let trader = Person::Trader.key();
    let collateral = scene.stage.deposit(&trader, SOL, 100_000_000_000);
    let borrow = scene.stage.withdraw(&trader, 0, 23_000_000_000, true);
    for instruction in [collateral, borrow] {
        scene.send(instruction, &[&trader]);
    }
    scene.flag(110.0, 10_800);
    let (venue, account) = (&scene.stage.venue, scene.account(Person::Trader));
    let resolve = instructions::resolve_bankruptcy(&venue.addresses, &venue.mints[0], &account);
    Call::new(resolve, &[])
}
