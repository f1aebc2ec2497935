//! The attacker chooses when the board is refreshed and with which of the valid updates, in the transaction that attacks.

use crate::scene::{Raid, between, close, write_foreign};
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast_client::args::{FeedArgs, FeedChoice};
use ballast_client::instructions;
use ballast_client::state::{NONE, Validity};
use ballast_client::units::ticker;
use ballast_tests::{ETH, SOL, Stage};
use oracle_stub::StubPrice;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Flags the victim and takes what can be taken.
fn attack(raid: &Raid, victim: &Keypair) -> Vec<Instruction> {
    vec![raid.flag_instruction(victim), raid.raid(victim)]
}

fn raider(raid: &Raid) -> Keypair {
    raid.raider.insecure_clone()
}

#[test]
fn a_low_price_that_is_stale_is_good_for_nothing_before_or_after_a_refresh() {
    let mut raid = Raid::new();
    let victim = raid.long(10);
    let by = raider(&raid);
    raid.price(SOL, 180.0);
    raid.stage.world.advance(121);
    raid.stage.prices[SOL] = 200.0;
    let attack = attack(&raid, &victim);
    raid.refused(&attack, &[&by], BallastError::StalePrice);
    // Whoever refreshes first is judged at what he brings.
    for (dollars, age_s) in [(200.0, 0), (184.0, 0), (184.0, 119)] {
        let refresh = raid.publish_at(SOL, dollars, age_s);
        let all = [refresh.to_vec(), attack.clone()].concat();
        raid.refused(&all, &[&by], BallastError::NotLiquidatable);
        // Refreshing after the attack does not help it either.
        let all = [attack.clone(), refresh.to_vec()].concat();
        raid.refused(&all, &[&by], BallastError::StalePrice);
    }
    // An update that is itself too old is not taken, and the stale price stays.
    let refresh = raid.publish_at(SOL, 170.0, 121);
    raid.refused(&refresh, &[], BallastError::PriceTooOld);
    assert_eq!(raid.validity(SOL), Validity::Stale);
}

#[test]
fn a_high_price_that_is_kept_back_protects_nobody_and_a_low_one_is_needed() {
    let mut raid = Raid::new();
    let victim = raid.long(10);
    let by = raider(&raid);
    // The market is at 190, where the victim is healthy: the board may say so or not.
    raid.stage.world.advance(60);
    let attack = attack(&raid, &victim);
    raid.refused(&attack, &[&by], BallastError::NotLiquidatable);
    let refresh = raid.publish_at(SOL, 183.5, 0);
    let all = [refresh.to_vec(), attack.clone()].concat();
    raid.refused(&all, &[&by], BallastError::NotLiquidatable);
    // 1 cent lower it is not.
    let refresh = raid.publish_at(SOL, 183.43, 0);
    let all = [refresh.to_vec(), attack].concat();
    raid.stage.simulate(&all, &[&by]).unwrap();
}

/// Of several updates that are all valid the attacker takes the lowest, attacks, and refreshes with the newest: he gains what the price moves
/// on the lots that the buffer needs, and the discount of 1% on them.
#[test]
fn the_lowest_of_several_valid_updates_costs_the_buffers_lots_their_move() {
    for (then, now) in [
        (180.0, 181.0),
        (180.0, 190.0),
        (183.0, 184.0),
        (175.0, 200.0),
    ] {
        let mut raid = Raid::new();
        let victim = raid.long(10);
        let by = raider(&raid);
        raid.stage.world.advance(119);
        let (low, high) = (raid.publish_at(SOL, then, 60), raid.publish_at(SOL, now, 0));
        // Newest first, the older one is refused and the victim healthy (or judged at the newest).
        if now > 183.5 {
            let all = [high.to_vec(), vec![low[0].clone()], attack(&raid, &victim)].concat();
            raid.refused(&all, &[&by], BallastError::NotLiquidatable);
        }
        let all = [high.to_vec(), low.to_vec()].concat();
        raid.refused(&all, &[], BallastError::PriceReplayed);

        raid.stage.prices[SOL] = now;
        let lots = raid.stage.state(&victim).positions[0].base_lots;
        let [rich, fund] = [raid.worth(&by), raid.fund()];
        let all = [low.to_vec(), attack(&raid, &victim), high.to_vec()].concat();
        raid.act(&all, &[&by]);
        let taken = (lots - raid.stage.state(&victim).positions[0].base_lots) as f64 / 100.0;
        let equity = 3_490.0 - 100.0 * (200.0 - then);
        let missing = then * 100.0 * 0.1 * 1.125 - equity;
        let part = missing / (missing + equity * 0.99);
        assert!((taken - 100.0 * part).abs() <= 0.011, "{taken} {part}");
        let bound = taken * (now - then) + equity * part * 0.01;
        let gain = raid.worth(&by) - rich;
        assert!(gain as f64 <= bound * 1e6 + 10_000.0, "{gain} of {bound}");
        close(gain, bound - equity * part * 0.0025, 10_000.0);
        assert!(raid.fund() > fund);
        // The victim is at its buffer at the low price, and free of its flag.
        assert!(!raid.is_flagged(&victim));
    }
}

#[test]
fn a_wide_price_counts_in_the_victims_favour_and_costs_the_raider() {
    let mut raid = Raid::new();
    let (healthy, ill) = (raid.long(10), raid.long(11));
    let by = raider(&raid);
    // 181 ± 3%: below the margin in the middle, above it at 186.43.
    let wide = |raid: &Raid, dollars: f64| {
        raid.publish(SOL, |price| {
            price.price = (dollars * 1e8) as i64;
            price.confidence = (dollars * 3e6) as u64;
        })
    };
    let refresh = wide(&raid, 181.0);
    let all = [refresh.to_vec(), attack(&raid, &healthy)].concat();
    raid.refused(&all, &[&by], BallastError::NotLiquidatable);
    // At 170 ± 3% also the edge of 175.1 is below it: taken at the edge, which nobody in the middle would pay.
    let refresh = wide(&raid, 170.0);
    raid.act(&refresh, &[]);
    raid.stage.prices[SOL] = 170.0;
    assert_eq!(raid.validity(SOL), Validity::Wide);
    let before = [raid.worth(&ill), raid.worth(&by)];
    let all = attack(&raid, &ill);
    raid.act(&all, &[&by]);
    let victim = raid.worth(&ill) - before[0];
    let gain = raid.worth(&by) - before[1];
    // Equity 1,000 at the edge, buffer 1,969.9: half of it changes hands for 5.10 a SOL more than in the middle.
    let part: f64 = 969.88 / (969.88 + 990.0);
    close(gain, part * (10.0 * 0.75 - 510.0), 200_000.0);
    assert!(victim > 0 && gain < 0);
    between(victim + gain + raid.fund(), -3, 0);
}

/// SOL with a second source of its own, at most 2% apart.
struct Pair {
    raid: Raid,
    second: [u8; 32],
    index: u8,
}

impl Pair {
    fn new() -> Self {
        let mut raid = Raid::new();
        let second = [0xab; 32];
        let stage = &mut raid.stage;
        let mint = Stage::key(100);
        stage.world.create_mint(&mint, 9).unwrap();
        let feed = FeedArgs {
            name: ticker("SOL2/USD"),
            kind: 1,
            id: second,
            ..stage.venue.feed_args(SOL)
        };
        let mut args = stage.venue.asset_args(SOL, FeedChoice::New(feed));
        args.underlying = NONE;
        let venue = &stage.venue;
        let (admin, payer) = (venue.admin.pubkey(), stage.world.payer.pubkey());
        let index = venue.exchange(&stage.world).unwrap().feed_count;
        let add = instructions::add_asset(&venue.addresses, &admin, &payer, &mint.pubkey(), args);
        let mut parameters = venue.feed_args(SOL).parameters;
        parameters.compare_with = index;
        let update = instructions::update_feed(&venue.addresses, &admin, SOL as u8, parameters);
        stage.world.send(&[add, update], &[&venue.admin]).unwrap();
        Self {
            raid,
            second,
            index,
        }
    }

    /// Publishes the second source's price so many seconds ago.
    fn second(&self, dollars: f64, age_s: i64) -> Vec<Instruction> {
        let raid = &self.raid;
        let price = raid.stage.venue.stub_price(&raid.stage.world, SOL, dollars);
        let price = StubPrice {
            id: self.second,
            publish_time: self.next_publish_time() - age_s,
            ..price
        };
        let (write, key) = write_foreign(raid, &price);
        let addresses = &raid.stage.venue.addresses;
        vec![write, instructions::refresh_prices(addresses, &[key])]
    }

    /// Of one second the board takes a single price.
    fn next_publish_time(&self) -> i64 {
        let stage = &self.raid.stage;
        let board = stage.venue.board(&stage.world).unwrap();
        let last = board.prices[usize::from(self.index)].publish_time;
        stage.world.now().max(last + 1)
    }
}

#[test]
fn a_price_apart_from_its_second_source_liquidates_nobody() {
    let mut pair = Pair::new();
    let (victim, flagged) = (pair.raid.long(10), pair.raid.long(11));
    let by = raider(&pair.raid);
    let agree = pair.second(200.0, 0);
    pair.raid.act(&agree, &[]);

    // One source falls, the other does not: whichever is refreshed last.
    let low = pair.raid.publish_at(SOL, 180.0, 0);
    let steady = pair.second(200.0, 0);
    let attack = attack(&pair.raid, &victim);
    for refresh in [
        [low.to_vec(), steady.clone()].concat(),
        [steady.clone(), low.to_vec()].concat(),
        low.to_vec(),
    ] {
        let all = [refresh, attack.clone()].concat();
        pair.raid.refused(&all, &[&by], BallastError::StalePrice);
    }
    // 2% apart they agree.
    let near = pair.second(183.6, 0);
    let all = [low.to_vec(), near, attack.clone()].concat();
    pair.raid.stage.simulate(&all, &[&by]).unwrap();
    let apart = pair.second(183.7, 0);
    let all = [low.to_vec(), apart, attack.clone()].concat();
    pair.raid.refused(&all, &[&by], BallastError::StalePrice);

    // A flag that was right does not carry a slice at a price that no longer is.
    let all = [low.to_vec(), pair.second(180.0, 0)].concat();
    pair.raid.act(&all, &[]);
    pair.raid.flag(&flagged);
    let take = pair.raid.raid(&flagged);
    let lower = pair.raid.publish_at(SOL, 170.0, 0);
    let all = [lower.to_vec(), vec![take.clone()]].concat();
    pair.raid.refused(&all, &[&by], BallastError::StalePrice);
    pair.raid.stage.simulate(&[take], &[&by]).unwrap();

    // The second source says nothing once it is too old: then the first counts alone, as documented.
    pair.raid.stage.world.advance(121);
    let low = pair.raid.publish_at(SOL, 180.0, 0);
    let all = [low.to_vec(), attack].concat();
    pair.raid.stage.simulate(&all, &[&by]).unwrap();
    // An old update of it brings nothing back.
    let old = pair.second(200.0, 121);
    let low = pair.raid.publish_at(SOL, 180.0, 0);
    pair.raid.act(&low, &[]);
    pair.raid.refused(&old, &[], BallastError::PriceTooOld);
}

#[test]
fn a_flagged_account_that_has_recovered_is_set_free_by_the_refresh_that_was_to_take_it() {
    let mut raid = Raid::new();
    let victim = raid.flagged_long(10);
    let by = raider(&raid);
    raid.wind(&victim, 7_000);
    raid.stage.world.advance(30);
    let refresh = raid.publish_at(SOL, 199.0, 0);
    raid.act(&refresh, &[]);
    let before = [raid.worth(&victim), raid.worth(&by), raid.fund()];
    let take = raid.raid(&victim);
    raid.act(std::slice::from_ref(&take), &[&by]);
    assert!(!raid.is_flagged(&victim));
    let after = [raid.worth(&victim), raid.worth(&by), raid.fund()];
    assert_eq!(before, after);
    raid.refused(&[take], &[&by], BallastError::LiquidationNotStarted);
}

#[test]
fn a_price_of_another_asset_does_not_make_a_hedged_account_fall() {
    // Long ETH against short SOL; the attacker refreshes only the leg that fell.
    let mut raid = Raid::new();
    let victim = raid.trader(10, 3_800.0, ETH, 5.0);
    let dealer = raid.dealer.insecure_clone();
    raid.deal(&dealer, &victim, SOL, -100.0, 200.0);
    let by = raider(&raid);
    raid.stage.world.advance(60);
    let attack = attack(&raid, &victim);
    let falls = raid.publish_at(ETH, 3_600.0, 0);
    let hedge = raid.publish_at(SOL, 180.0, 0);
    let both = [hedge.to_vec(), falls.to_vec(), attack.clone()].concat();
    raid.refused(&both, &[&by], BallastError::NotLiquidatable);
    // Both prices are valid, a minute old and new: the board is judged as it stands, and what the victim loses is the discount on a part.
    let all = [falls.to_vec(), attack, hedge.to_vec()].concat();
    raid.stage.prices[SOL] = 180.0;
    raid.stage.prices[ETH] = 3_600.0;
    let before = raid.worth(&by);
    raid.act(&all, &[&by]);
    let gain = raid.worth(&by) - before;
    let lots = raid.stage.state(&victim).positions[1].base_lots;
    let taken = (10_000 + lots) as f64 / 100.0;
    // Equity 1,780 against a margin of 1,908 and a buffer of 2,146: 17.2%. The short SOL taken over gains 20 on each, the discount is 1%.
    assert!((17.0..17.5).contains(&taken), "{taken}");
    close(
        gain,
        taken * 20.0 + 1_780.0 * taken / 100.0 * 0.0075,
        300_000.0,
    );
}
