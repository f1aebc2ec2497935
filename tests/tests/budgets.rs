//! What there is only so much of besides compute units (`compute_units`): bytes of accounts, of transactions and of the program, and the lamports
//! that lie in accounts as rent. Each figure is measured and has a ceiling. Writes them to `target/bench/budgets.json` for `cargo xtask bench`.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::{FeedChoice, LiquidateArgs, MAKERS_MAX, OrderArgs, OrderType};
use ballast_client::state::{
    ASSETS_MAX, BALANCES_MAX, Bank, Board, Exchange, FEEDS_MAX, MarginAccount, Market, MarketTerms,
    POSITIONS_MAX, Side, Tagged, UNDERLYINGS_MAX,
};
use ballast_client::{ExchangeAddresses, instructions};
use ballast_sim::{Venue, deploy_folder};
use ballast_tests::SOL;
use ballast_tests::catalogue::{self, Person, Scene};
use litesvm::LiteSVM;
use serde_json::json;
use solana_compute_budget_interface::ComputeBudgetInstruction;
use solana_message::{AddressLookupTableAccount, Message, VersionedMessage, v0};
use solana_signer::Signer;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

/// Bytes that a transaction may have.
const TRANSACTION_MAX: usize = 1_232;
/// Accounts that a transaction may name.
const LOCKS_MAX: usize = 64;
/// Bytes that an account may have.
const ACCOUNT_MAX: usize = 10 * 1024 * 1024;
/// What the loader writes in front of a program's bytes.
const PROGRAM_DATA_HEADER: usize = 45;
/// The account that names where a program's bytes are.
const PROGRAM_ACCOUNT: usize = 36;
/// An account of the token program.
const TOKEN_ACCOUNT: usize = 165;

/// One figure and what it may be at most.
struct Row {
    name: String,
    figure: u64,
    ceiling: u64,
    what: &'static str,
}

fn row(name: impl Into<String>, figure: u64, ceiling: u64, what: &'static str) -> Row {
    Row {
        name: name.into(),
        figure,
        ceiling,
        what,
    }
}

/// Says all that has grown at once.
#[track_caller]
fn check(section: &str, unit: &str, rows: &[Row]) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("../bench/budgets");
    fs::create_dir_all(&folder).unwrap();
    let table = rows.iter().map(|row| {
        json!({"name": row.name, "figure": row.figure, "ceiling": row.ceiling, "what": row.what})
    });
    let text = serde_json::to_string_pretty(&table.collect::<Vec<_>>()).unwrap();
    fs::write(folder.join(format!("{section}.json")), text + "\n").unwrap();
    for row in rows {
        println!(
            "{:<36} {:>12} {unit}, ceiling {:>12}",
            row.name, row.figure, row.ceiling
        );
    }
    let grown: Vec<_> = rows
        .iter()
        .filter(|row| row.figure > row.ceiling)
        .map(|row| {
            format!(
                "{}: {} {unit}, its budget is {}",
                row.name, row.figure, row.ceiling
            )
        })
        .collect();
    assert!(grown.is_empty(), "{section} grew: {grown:#?}");
}

fn rent(svm: &LiteSVM, bytes: usize) -> u64 {
    svm.minimum_balance_for_rent_exemption(bytes)
}

/// The one length of all accounts of a type on the scene.
fn length<T: Tagged>(svm: &LiteSVM) -> usize {
    let accounts = svm.get_program_accounts(&ballast::ID).into_iter();
    let lengths: BTreeSet<_> = accounts
        .filter(|(_, account)| account.data.starts_with(T::TAG))
        .map(|(_, account)| account.data.len())
        .collect();
    assert_eq!(lengths.len(), 1, "accounts of one type differ: {lengths:?}");
    lengths.into_iter().next().unwrap()
}

#[test]
fn accounts_have_their_sizes() {
    let scene = Scene::new();
    let svm = &scene.stage.world.svm;
    let sizes = [
        ("Exchange", length::<Exchange>(svm), 31_760, "configuration"),
        (
            "Board",
            length::<Board>(svm),
            34_360,
            "prices, volatilities, indexes",
        ),
        ("Bank", length::<Bank>(svm), 320, "an asset"),
        (
            "Market",
            length::<Market>(svm),
            256,
            "a perpetual, future or option series",
        ),
        (
            "MarginAccount",
            length::<MarginAccount>(svm),
            3_512,
            "a trader's, or the insurance fund's",
        ),
    ];
    let rows = sizes.map(|(name, size, expected, what)| {
        assert_eq!(size, expected, "bytes of {name}");
        row(name, size as u64, expected as u64, what)
    });
    check("accounts", "bytes", &rows);
}

#[test]
fn rent_stays_within_its_budget() {
    let mut scene = Scene::new();
    let before = scene
        .stage
        .world
        .svm
        .get_balance(&Person::Keeper.key().pubkey())
        .unwrap();
    let mut paid = |name: &str| {
        let entries = catalogue::all();
        let entry = entries.iter().find(|entry| entry.name == name).unwrap();
        let call = scene.set(entry);
        let signers: Vec<_> = call.signers.iter().collect();
        scene
            .stage
            .world
            .send(&[call.instruction], &signers)
            .unwrap();
        let svm = &scene.stage.world.svm;
        before - svm.get_balance(&Person::Keeper.key().pubkey()).unwrap()
    };
    let exchange = paid("init_exchange");
    let asset = paid("add_asset");
    let market = paid("add_market");
    let series = paid("list_series");
    let account = paid("open_account");
    let svm = &scene.stage.world.svm;
    let of = |bytes: usize| rent(svm, bytes);
    let program = fs::metadata(deploy_folder().join("ballast.so"))
        .unwrap()
        .len() as usize;
    let rows = [
        row("Exchange", of(Exchange::ACCOUNT_LEN), 222_000_000, ""),
        row("Board", of(Board::ACCOUNT_LEN), 240_100_000, ""),
        row("Bank", of(Bank::ACCOUNT_LEN), 3_200_000, ""),
        row("vault", of(TOKEN_ACCOUNT), 2_100_000, "a token account"),
        row("Market", of(Market::ACCOUNT_LEN), 2_700_000, ""),
        row(
            "MarginAccount",
            of(MarginAccount::ACCOUNT_LEN),
            25_400_000,
            "",
        ),
        row(
            "opening a margin account",
            account,
            25_400_000,
            "comes back when it is closed",
        ),
        row(
            "listing a series",
            series,
            2_700_000,
            "comes back when it is closed",
        ),
        row(
            "adding a market",
            market,
            2_700_000,
            "dated ones are closed in the end",
        ),
        row("adding an asset", asset, 5_200_000, "bank and vault"),
        row(
            "creating an exchange",
            exchange,
            488_000_000,
            "exchange, board, insurance fund",
        ),
        row(
            "the program",
            of(program + PROGRAM_DATA_HEADER) + of(PROGRAM_ACCOUNT),
            12_000_000_000,
            "its bytes and the account that names them",
        ),
    ];
    check("rent", "lamports", &rows);
}

/// The bytes of a transaction with a compute limit and a price, paid by somebody else than who signs the instructions. With a lookup table it is of
/// version 0. `None` when it names too many accounts.
fn bytes(instructions: &[Instruction], table: Option<&[Pubkey]>) -> Option<usize> {
    let payer = Pubkey::new_from_array([0x55; 32]);
    let mut all = vec![
        ComputeBudgetInstruction::set_compute_unit_limit(1_400_000),
        ComputeBudgetInstruction::set_compute_unit_price(1_000_000),
    ];
    all.extend_from_slice(instructions);
    let message = match table {
        None => VersionedMessage::Legacy(Message::new(&all, Some(&payer))),
        Some(addresses) => {
            let table = AddressLookupTableAccount {
                key: Pubkey::new_from_array([0x56; 32]),
                addresses: addresses.to_vec(),
            };
            let message = v0::Message::try_compile(&payer, &all, &[table], Default::default());
            VersionedMessage::V0(message.ok()?)
        }
    };
    let looked_up = message.address_table_lookups().into_iter().flatten();
    let looked_up: usize = looked_up
        .map(|table| table.writable_indexes.len() + table.readonly_indexes.len())
        .sum();
    if message.static_account_keys().len() + looked_up > LOCKS_MAX {
        return None;
    }
    let signatures = usize::from(message.header().num_required_signatures);
    Some(1 + 64 * signatures + message.serialize().len())
}

#[test]
fn every_call_fits_a_transaction_without_a_lookup_table() {
    let mut scene = Scene::new();
    let mut rows = Vec::new();
    for entry in catalogue::all() {
        let call = scene.set(&entry);
        let size = bytes(std::slice::from_ref(&call.instruction), None);
        let size = size.unwrap_or_else(|| panic!("{} names too many accounts", entry.name));
        let ceiling = TRANSACTIONS.iter().find(|(name, _)| *name == entry.name);
        let ceiling = ceiling.map_or(0, |(_, ceiling)| *ceiling);
        assert!(ceiling <= TRANSACTION_MAX);
        rows.push(row(entry.name, size as u64, ceiling as u64, ""));
    }
    check("transactions", "bytes", &rows);
}

/// Bytes of every call with its signers, a payer of its own and both compute-budget instructions.
const TRANSACTIONS: [(&str, usize); 41] = [
    ("init_exchange", 1_040),
    ("add_asset", 820),
    ("add_underlying", 760),
    ("add_market", 570),
    ("update_exchange", 620),
    ("update_asset", 580),
    ("update_underlying", 680),
    ("set_correlation", 370),
    ("update_feed", 400),
    ("update_market", 420),
    ("set_pause", 380),
    ("propose_authority", 400),
    ("accept_authority", 360),
    ("withdraw_fees", 540),
    ("withdraw_insurance", 600),
    ("accrue_interest", 370),
    ("refresh_prices", 330),
    ("list_series", 480),
    ("post_surface", 470),
    ("update_funding", 330),
    ("prune_order", 340),
    ("finalize_settlement", 330),
    ("settle_position", 330),
    ("collect_fees", 330),
    ("close_market", 370),
    ("settle_pnl", 400),
    ("open_account", 530),
    ("close_account", 360),
    ("deposit", 600),
    ("withdraw", 600),
    ("transfer", 500),
    ("set_delegate", 400),
    ("place_order", 490),
    ("cancel_order", 370),
    ("cancel_all", 370),
    ("place_and_fill", 540),
    ("fill_order", 550),
    ("start_liquidation", 330),
    ("liquidate", 640),
    ("auto_deleverage", 440),
    ("resolve_bankruptcy", 400),
];

/// A different address for every number.
fn address(number: usize) -> Pubkey {
    let mut bytes = [0x57; 32];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Pubkey::new_from_array(bytes)
}

#[test]
fn long_transactions_are_known() {
    let scene = Scene::new();
    let venue = &scene.stage.venue;
    let addresses = &venue.addresses;
    let [account, own, signer] = [1, 2, 3].map(address);
    let mints: Vec<_> = (0..ASSETS_MAX)
        .map(|number| address(100 + number))
        .collect();
    let options: Vec<_> = (0..POSITIONS_MAX as u64)
        .map(|number| {
            addresses.market(&MarketTerms {
                expiry: 86_400,
                strike: number,
                ..Venue::perpetual(SOL)
            })
        })
        .collect();
    let feeds: Vec<_> = (0..FEEDS_MAX).map(|number| address(200 + number)).collect();

    let sweep = |makers: usize| {
        let order = OrderArgs {
            order_type: OrderType::ImmediateOrCancel,
            ..Venue::limit(Side::Bid, 1, 1)
        };
        let makers: Vec<_> = (0..makers)
            .map(|number| (address(300 + number), 1))
            .collect();
        let terms = Venue::perpetual(SOL);
        vec![instructions::place_and_fill(
            addresses, &terms, &own, &signer, order, &makers,
        )]
    };
    let refresh = |count: usize| vec![instructions::refresh_prices(addresses, &feeds[..count])];
    // Interest of the quote asset and of every bank that is netted comes before.
    let liquidate = |banks: usize, markets: usize| {
        let netted: Vec<_> = mints[1..=banks]
            .iter()
            .map(|mint| addresses.bank(mint))
            .collect();
        let netting = [netted.as_slice(), &options[..markets]].concat();
        let accrue = mints[..=banks]
            .iter()
            .map(|mint| instructions::accrue_interest(addresses, mint));
        let args = LiquidateArgs {
            fraction_max_q32: 1 << 32,
            price_max: i64::MAX,
        };
        let take = instructions::liquidate(
            addresses, &mints[0], &account, &own, &signer, &netting, args,
        );
        accrue.chain([take]).collect::<Vec<_>>()
    };

    let create = |_: usize| {
        let all = [4, 5, 6, 7].map(address);
        let addresses = ExchangeAddresses {
            exchange: all[0],
            board: all[1],
        };
        instructions::init_exchange(
            &addresses,
            &all[2],
            &all[3],
            |_| 1,
            Venue::exchange_args(&all[2]),
        )
    };

    // With a feed of its own, as the first asset is listed, and the last underlying, with a correlation to each before it.
    let add_asset = |_: usize| {
        let args = venue.asset_args(SOL, FeedChoice::New(venue.feed_args(SOL)));
        vec![instructions::add_asset(
            addresses, &signer, &own, &mints[0], args,
        )]
    };
    let add_underlying = |before: usize| {
        let mut args = venue.underlying_args(SOL);
        args.correlations = vec![venue.underlying_args(SOL + 1).correlations[0]; before];
        vec![instructions::add_underlying(addresses, &signer, args)]
    };

    // What `lookup_addresses` of the client puts into a table: what stays.
    let mut staying = vec![
        addresses.exchange,
        addresses.board,
        addresses.insurance_fund(),
    ];
    staying.extend(mints.iter().map(|mint| addresses.bank(mint)));
    staying.extend(&feeds);
    let everything = [staying.as_slice(), &options].concat();
    let (staying, everything) = (Some(staying.as_slice()), Some(everything.as_slice()));

    let rows = [
        long(
            "create two accounts and init_exchange",
            create,
            (1, 1),
            None,
            1_232,
            "one transaction",
        ),
        long(
            "add_asset with a new feed",
            add_asset,
            (1, 1),
            None,
            900,
            "",
        ),
        long(
            "add_underlying with a new feed and {} correlations",
            add_underlying,
            (UNDERLYINGS_MAX - 1, UNDERLYINGS_MAX - 1),
            None,
            960,
            "the last one",
        ),
        long(
            "place_and_fill, {} makers",
            sweep,
            (16, MAKERS_MAX),
            None,
            1_160,
            "all it takes",
        ),
        long(
            "refresh_prices, {} feeds",
            refresh,
            (28, FEEDS_MAX),
            None,
            1_232,
            "33 bytes each",
        ),
        long(
            "refresh_prices, {} feeds, table",
            refresh,
            (59, FEEDS_MAX),
            staying,
            400,
            "64 accounts in all",
        ),
        long(
            "liquidate, {} banks netted",
            |n| liquidate(n, 0),
            (14, BALANCES_MAX - 1),
            None,
            1_232,
            "their interest before it",
        ),
        long(
            "liquidate, {} markets netted",
            |n| liquidate(0, n),
            (20, POSITIONS_MAX),
            None,
            1_232,
            "33 bytes each",
        ),
        long(
            "liquidate, 15 banks and {} dated markets netted, table",
            |n| liquidate(15, n),
            (15, POSITIONS_MAX),
            staying,
            1_232,
            "dated markets are in no table",
        ),
        long(
            "liquidate, 15 banks and {} markets netted, all in the table",
            |n| liquidate(15, n),
            (32, POSITIONS_MAX),
            everything,
            800,
            "all it takes",
        ),
    ];
    check("long_transactions", "bytes", &rows);
}

/// A row of the longest transaction of a kind that fits: it must be the expected number long, of so many that the program takes.
fn long(
    name: &str,
    build: impl Fn(usize) -> Vec<Instruction>,
    (expected, max): (usize, usize),
    table: Option<&[Pubkey]>,
    ceiling: u64,
    what: &'static str,
) -> Row {
    let fitting = (0..=max)
        .rev()
        .find(|count| bytes(&build(*count), table).is_some_and(|bytes| bytes <= TRANSACTION_MAX));
    assert_eq!(fitting, Some(expected), "how many fit: {name}");
    let size = bytes(&build(expected), table).unwrap_or_default();
    row(
        name.replace("{}", &expected.to_string()),
        size as u64,
        ceiling,
        what,
    )
}

#[test]
fn the_program_fits_its_account() {
    let size = fs::metadata(deploy_folder().join("ballast.so"))
        .unwrap()
        .len();
    assert!(size as usize + PROGRAM_DATA_HEADER <= ACCOUNT_MAX);
    check(
        "program",
        "bytes",
        &[row(
            "ballast.so",
            size,
            1_720_000,
            "an account may have 10,485,760",
        )],
    );
}
