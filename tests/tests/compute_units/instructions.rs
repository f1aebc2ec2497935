//! Every instruction of the program, each once or more on an exchange of four assets that lends.

use crate::Row;
use ballast_client::args::{
    AssetParameters, CorrelationArgs, LiquidateArgs, OrderArgs, OrderFilter, Role,
};
use ballast_client::instructions;
use ballast_client::state::{MarginAccount, MarketKind, MarketTerms, Side, next_expiry};
use ballast_risk::Q32_ONE;
use ballast_sim::deploy_folder;
use ballast_sim::{Venue, VenueConfig};
use ballast_tests::{BTC, ETH, SOL, Stage};
use serde_json::Value;
use solana_signer::Signer;
use std::collections::BTreeMap;
use std::fs;

/// A row for every instruction of the interface that clients use.
pub fn rows() -> Vec<Row> {
    let mut costs = every_instruction();
    costs.extend(a_bankruptcy());
    let row = |name: String| {
        let ceiling = CEILINGS.iter().find(|(known, _)| *known == name);
        let (_, ceiling) = ceiling.unwrap_or_else(|| panic!("{name} has no ceiling"));
        let units = costs
            .get(&name)
            .unwrap_or_else(|| panic!("{name} was not measured"));
        Row {
            name: format!("program/{name}"),
            units: *units,
            ceiling: *ceiling,
        }
    };
    instruction_names().into_iter().map(row).collect()
}

/// A call from its listing to its closing: a surface, a sweep of the maker's order, expiry, settlement.
fn trade_an_option_until_it_is_gone(stage: &mut Stage) {
    let addresses = stage.venue.addresses;
    let (long, short) = (stage.trader(11, 10_000.0), stage.trader(12, 100_000.0));
    let usdc = stage.venue.mints[0];
    let payer = stage.world.payer.pubkey();
    let terms = MarketTerms {
        expiry: next_expiry(stage.world.now()),
        strike: stage.venue.price_per_lot(SOL, 195.0),
        kind: MarketKind::Call as u8,
        ..Venue::perpetual(SOL)
    };
    stage.venue.list_series(&mut stage.world, &terms).unwrap();
    stage
        .venue
        .post_flat_surface(&mut stage.world, SOL, 0.8, 0.05)
        .unwrap();
    let funding = instructions::update_funding(&addresses, terms.underlying);
    stage.world.send(&[funding], &[]).unwrap();
    let price = stage.venue.price_per_lot(SOL, 4.0);
    let ask = Venue::limit(Side::Ask, price, 1_000);
    let resting = stage
        .venue
        .place_in(&mut stage.world, &short, &terms, ask)
        .unwrap();
    let (long_account, short_account) = (stage.account(&long), stage.account(&short));
    let take = instructions::place_and_fill(
        &addresses,
        &terms,
        &long_account,
        &long.pubkey(),
        Venue::limit(Side::Bid, price, 1_500),
        &[(short_account, resting)],
    );
    let all = OrderFilter::default();
    let cancel = instructions::cancel_all(&long_account, &long.pubkey(), all);
    stage.world.send(&[take, cancel], &[&long]).unwrap();
    let lapsing = OrderArgs {
        expires_at: stage.world.now() as u32 + 1,
        ..ask
    };
    let id = stage
        .venue
        .place_in(&mut stage.world, &short, &terms, lapsing)
        .unwrap();
    for before_s in (0..=1_800).rev().step_by(60) {
        stage.world.set_time(terms.expiry - before_s);
        stage.set_price(SOL, 200.0);
    }
    let prune = instructions::prune_order(&addresses, &short_account, id);
    let finalize = instructions::finalize_settlement(&addresses, &terms);
    stage.world.send(&[prune, finalize], &[]).unwrap();
    for account in [short_account, long_account] {
        let settle = [
            instructions::accrue_interest(&addresses, &usdc),
            instructions::settle_position(&addresses, &terms, &account),
            instructions::settle_pnl(&addresses, &terms, &usdc, &account),
        ];
        stage.world.send(&settle, &[]).unwrap();
    }
    let collect = instructions::collect_fees(&addresses, &terms, &usdc);
    let close = instructions::close_market(&addresses, &terms, &payer, &usdc);
    stage.world.send(&[collect, close], &[]).unwrap();
}

/// What is behind the insurance fund: a position closed against a profit, a loan written off; then the fund is filled and emptied.
fn a_bankruptcy() -> BTreeMap<String, u64> {
    let mut stage = Stage::with_interest(VenueConfig::default());
    let (long, short) = (stage.trader(1, 4_500.0), stage.trader(2, 100_000.0));
    let borrower = stage.trader(3, 1.0);
    let addresses = stage.venue.addresses;
    let (admin, usdc) = (stage.venue.admin.insecure_clone(), stage.venue.mints[0]);
    stage.fund(&borrower, ETH, 1.0);
    let borrow = stage.withdraw(&borrower, 0, 2_500_000_000, true);
    stage.mint(&borrower, 0, 0);
    stage.world.send(&[borrow], &[&borrower]).unwrap();
    stage
        .trade(&short, &long, SOL, Side::Bid, 100.0, 200.0)
        .unwrap();
    stage.set_price(SOL, 150.0);
    stage.set_price(ETH, 2_000.0);
    let accounts = [&long, &borrower].map(|key| stage.account(key));
    for account in &accounts {
        let start = instructions::start_liquidation(&addresses, account);
        stage.world.send(&[start], &[]).unwrap();
        // As if it had been watched for a quarter of an hour.
        stage.patch::<MarginAccount>(account, |account| account.auction_elapsed_s = 900);
    }
    let against = stage.account(&short);
    let perpetual = Venue::perpetual(SOL);
    let deleverage =
        instructions::auto_deleverage(&addresses, &perpetual, &accounts[0], &against, u64::MAX);
    let resolve = instructions::resolve_bankruptcy(&addresses, &usdc, &accounts[1]);
    stage.world.send(&[deleverage, resolve], &[]).unwrap();
    stage.insure(1_000.0);
    let wallet = stage.mint(&admin, 0, 0);
    let key = admin.pubkey();
    let take = instructions::withdraw_insurance(&addresses, &key, &usdc, &wallet, 1_000_000);
    let cranks = [stage.accrue(0), take];
    stage.world.send(&cranks, &[&admin]).unwrap();
    stage.check_books();
    ["AutoDeleverage", "ResolveBankruptcy", "WithdrawInsurance"]
        .into_iter()
        .map(|name| (snake_case(name), stage.world.compute_units[name][0]))
        .collect()
}

/// Every instruction of the program once or more: the most each has taken.
fn every_instruction() -> BTreeMap<String, u64> {
    let mut stage = Stage::with_interest(VenueConfig::default());
    trade_an_option_until_it_is_gone(&mut stage);
    let (owner, maker) = (stage.trader(1, 10_000.0), stage.trader(2, 1_000_000.0));
    let stranger = Stage::key(3);
    stage.fund(&maker, SOL, 1_000.0);
    stage.mint(&owner, SOL, 0);
    stage.insure(100_000.0);
    let addresses = stage.venue.addresses;
    let (usdc, sol) = (stage.venue.mints[0], stage.venue.mints[SOL]);
    let (key, admin) = (owner.pubkey(), stage.venue.admin.insecure_clone());
    let own = |number| addresses.margin_account(&key, number);
    let payer = stage.world.payer.pubkey();

    // A trader borrows, opens a second account, moves cash, and lets another key trade.
    let borrow = stage.withdraw(&owner, SOL, 10_000_000_000, true);
    stage.world.send(&[borrow], &[&owner]).unwrap();
    stage.world.advance(3_600);
    let prices = stage.prices;
    stage.venue.set_prices(&mut stage.world, &prices).unwrap();
    let of_owner = [
        instructions::open_account(&addresses, &key, &payer, 1),
        instructions::transfer(&addresses, &usdc, &own(0), &own(1), &key, 1_000),
        instructions::transfer(&addresses, &usdc, &own(1), &own(0), &key, 1_000),
        instructions::close_account(&addresses, &key, 1),
        instructions::set_delegate(&own(0), &key, &stranger.pubkey()),
    ];
    for instruction in of_owner {
        stage.world.send(&[instruction], &[&owner]).unwrap();
    }
    let price = stage.venue.price_per_lot(SOL, 200.0);
    let order = Venue::limit(Side::Bid, price, 1);
    let id = stage
        .venue
        .place(&mut stage.world, &owner, SOL, order)
        .unwrap();
    let cancel = instructions::cancel_order(&own(0), &key, id);
    stage.world.send(&[cancel], &[&owner]).unwrap();

    // Three perpetuals, a profit settled after a loss, and a fall that takes the account apart.
    for (asset, tokens) in [(SOL, 150.0), (ETH, 1.0), (BTC, 0.04)] {
        let dollars = stage.prices[asset];
        stage
            .trade(&maker, &owner, asset, Side::Bid, tokens, dollars)
            .unwrap();
    }
    stage.set_price(SOL, 199.0);
    for account in [own(0), stage.account(&maker)] {
        let settle = stage.settle(&account, SOL);
        stage.world.send(&[settle], &[]).unwrap();
    }
    stage.set_price(SOL, 150.0);
    let start = instructions::start_liquidation(&addresses, &own(0));
    stage.world.send(&[start], &[]).unwrap();
    let args = LiquidateArgs {
        fraction_max_q32: Q32_ONE,
        price_max: i64::MAX,
    };
    let netting = [SOL, ETH, BTC].map(|asset| stage.market(asset));
    let netting = [netting.as_slice(), &[addresses.bank(&sol)]].concat();
    let liquidate = instructions::liquidate(
        &addresses,
        &usdc,
        &own(0),
        &stage.account(&maker),
        &maker.pubkey(),
        &netting,
        args,
    );
    stage.world.send(&[liquidate], &[&maker]).unwrap();

    // The authorities.
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let bank = stage.venue.bank(&stage.world, SOL).unwrap();
    let market = stage.venue.market(&stage.world, SOL).unwrap();
    let risk = admin.pubkey();
    let pair = CorrelationArgs {
        low_bps: 5_000,
        high_bps: 9_000,
    };
    let wallet = stage.mint(&admin, SOL, 0);
    let of_admin = [
        instructions::update_exchange(&addresses, &risk, (&*exchange).into()),
        instructions::update_asset(
            &addresses,
            &risk,
            &sol,
            AssetParameters::of(&exchange.assets[SOL], &bank),
        ),
        instructions::update_underlying(&addresses, &risk, 0, (&exchange.underlyings[0]).into()),
        instructions::set_correlation(&addresses, &risk, [0, 1], pair),
        instructions::update_feed(&addresses, &risk, 1, (&exchange.feeds[1]).into()),
        instructions::update_market(&addresses, &risk, &Venue::perpetual(SOL), (&*market).into()),
        instructions::withdraw_fees(&addresses, &risk, &sol, &wallet, u64::MAX),
        instructions::set_pause(&addresses, &risk, 1, 60),
        instructions::propose_authority(&addresses, &risk, Role::Guardian, &risk),
        instructions::accept_authority(&addresses, &risk, Role::Guardian),
    ];
    for instruction in of_admin {
        stage.world.send(&[instruction], &[&admin]).unwrap();
    }
    let most = |units: &Vec<u64>| units.iter().copied().max().unwrap_or(0);
    let costs = stage.world.compute_units.iter();
    costs
        .map(|(name, units)| (snake_case(name), most(units)))
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// The names of all instructions, from the interface that clients use.
fn instruction_names() -> Vec<String> {
    let path = deploy_folder().join("../idl/ballast.json");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let interface: Value = serde_json::from_str(&text).unwrap();
    let instructions = interface["instructions"].as_array().unwrap().iter();
    instructions
        .map(|instruction| instruction["name"].as_str().unwrap().to_owned())
        .collect()
}

/// Ceilings of whole instructions, each beside what it takes. Where an account is created the search for its bump varies.
const CEILINGS: [(&str, u64); 41] = [
    ("init_exchange", 26_000),      // 10,991
    ("add_asset", 46_500),          // 27,541
    ("add_underlying", 5_000),      // 3,994
    ("add_market", 22_500),         // 8,318
    ("update_exchange", 3_000),     // 2,160
    ("update_asset", 3_500),        // 2,772
    ("update_underlying", 3_500),   // 2,496
    ("set_correlation", 2_000),     // 1,344
    ("update_feed", 2_000),         // 1,430
    ("update_market", 2_500),       // 1,740
    ("set_pause", 2_000),           // 1,487
    ("propose_authority", 2_000),   // 1,356
    ("accept_authority", 2_000),    // 1,512
    ("withdraw_fees", 9_000),       // 6,963
    ("accrue_interest", 8_000),     // 6,292
    ("refresh_prices", 26_000),     // 20,414
    ("settle_pnl", 7_500),          // 5,879
    ("open_account", 24_500),       // 9,768
    ("close_account", 2_500),       // 1,657
    ("deposit", 12_500),            // 9,841
    ("withdraw", 16_000),           // 12,566
    ("transfer", 11_000),           // 8,722
    ("set_delegate", 2_000),        // 1,383
    ("place_order", 17_000),        // 13,591
    ("cancel_order", 2_000),        // 1,306
    ("fill_order", 25_000),         // 19,935
    ("start_liquidation", 10_000),  // 7,947
    ("liquidate", 55_500),          // 44,252
    ("list_series", 25_000),        // 10,323
    ("post_surface", 4_500),        // 3,269
    ("update_funding", 3_500),      // 2,644
    ("prune_order", 3_000),         // 2,146
    ("finalize_settlement", 3_000), // 2,354
    ("settle_position", 3_000),     // 2,368
    ("collect_fees", 2_500),        // 1,886
    ("close_market", 3_000),        // 2,384
    ("cancel_all", 2_000),          // 1,475
    ("place_and_fill", 43_000),     // 34,233
    ("auto_deleverage", 17_500),    // 13,970
    ("resolve_bankruptcy", 17_000), // 13,316
    ("withdraw_insurance", 12_500), // 9,728
];
