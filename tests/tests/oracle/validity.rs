//! What may be done while one price is fresh, uncertain, stale, divergent or was never set: the table of `docs/oracle.md`.

use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::error::BallastError::{
    BelowInitialMargin, NotLiquidatable, PriceNeverSet, StalePrice, UncertainPrice,
};
use ballast_client::args::{FillArgs, LiquidateArgs};
use ballast_client::state::health::Purpose;
use ballast_client::state::{Board, Exchange, PriceEntry, Side, Validity};
use ballast_client::units::native;
use ballast_client::{args::OrderArgs, instructions};
use ballast_sim::{Venue, World};
use ballast_tests::{BTC, ETH, SOL, Stage};
use bytemuck::Zeroable;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// The states that the price of SOL is brought into, in the order of the table's columns.
const STATES: [&str; 5] = ["fresh", "wide", "stale", "divergent", "never set"];

/// One line of the table.
struct Line {
    what: &'static str,
    instructions: Vec<Instruction>,
    signers: Vec<Keypair>,
    /// The refusal in each state, `None` where it goes through.
    refusals: [Option<BallastError>; 5],
}

const ALWAYS: [Option<BallastError>; 5] = [None; 5];

/// A stage with everybody in place, and the lines of the table to try on it.
struct Scene {
    stage: Stage,
    lines: Vec<Line>,
    dealer: Keypair,
    next: u8,
}

impl Scene {
    fn new() -> Self {
        let mut stage = Stage::steady();
        let dealer = stage.trader(1, 1_000_000.0);
        stage.fund(&dealer, SOL, 1_000.0);
        Self {
            stage,
            lines: Vec::new(),
            dealer,
            next: 2,
        }
    }

    fn trader(&mut self, usdc: f64) -> Keypair {
        self.next += 1;
        self.stage.trader(self.next, usdc)
    }

    fn buy(&mut self, key: &Keypair, asset: usize, tokens: f64) {
        let price = self.stage.prices[asset];
        self.stage
            .trade(&self.dealer, key, asset, Side::Bid, tokens, price)
            .unwrap();
    }

    fn line(
        &mut self,
        what: &'static str,
        refusals: [Option<BallastError>; 5],
        signers: &[&Keypair],
        instructions: Vec<Instruction>,
    ) {
        self.lines.push(Line {
            what,
            instructions,
            signers: signers.iter().map(|key| key.insecure_clone()).collect(),
            refusals,
        });
    }

    fn deposit(&mut self, key: &Keypair, asset: usize, tokens: f64) -> Instruction {
        let venue = &self.stage.venue;
        let mint = venue.mints[asset];
        let amount = native(tokens, venue.config.assets[asset].decimals);
        let account = self.stage.account(key);
        let source = self
            .stage
            .world
            .mint_tokens(&mint, &key.pubkey(), amount)
            .unwrap();
        let addresses = &self.stage.venue.addresses;
        instructions::deposit(addresses, &mint, &account, &key.pubkey(), &source, amount)
    }

    fn withdraw(&mut self, key: &Keypair, asset: usize, tokens: f64) -> Instruction {
        let venue = &self.stage.venue;
        let mint = venue.mints[asset];
        let amount = native(tokens, venue.config.assets[asset].decimals);
        // The token account must exist.
        self.stage
            .world
            .mint_tokens(&mint, &key.pubkey(), 1)
            .unwrap();
        instructions::withdraw(
            &self.stage.venue.addresses,
            &mint,
            &self.stage.account(key),
            &key.pubkey(),
            &World::token_address(&key.pubkey(), &mint),
            amount,
            true,
        )
    }

    fn order(&self, side: Side, tokens: f64) -> OrderArgs {
        let venue = &self.stage.venue;
        let price = venue.price_per_lot(SOL, self.stage.prices[SOL]);
        Venue::limit(side, price, venue.lots(SOL, tokens))
    }

    fn place(&self, key: &Keypair, order: OrderArgs) -> Instruction {
        let account = self.stage.account(key);
        instructions::place_order(
            &self.stage.venue.addresses,
            &Venue::perpetual(SOL),
            &account,
            &key.pubkey(),
            order,
        )
    }

    fn fill(&self, maker: &Keypair, taker: &Keypair, maker_id: u64, taker_id: u64) -> Instruction {
        instructions::fill_order(
            &self.stage.venue.addresses,
            &Venue::perpetual(SOL),
            &self.stage.account(maker),
            &self.stage.account(taker),
            None,
            &self.stage.world.payer.pubkey(),
            FillArgs {
                maker_order_id: maker_id,
                taker_order_id: taker_id,
                lots_max: u64::MAX,
            },
        )
    }

    /// Brings the price of SOL into a state while all others are fresh.
    fn enter(&mut self, state: &str) {
        let stage = &mut self.stage;
        stage.world.advance(131);
        let mut fresh = vec![0, ETH, BTC];
        if matches!(state, "fresh" | "wide" | "divergent") {
            stage.prices[SOL] = 191.0;
        }
        let mut prices: Vec<_> = (0..4)
            .map(|i| stage.venue.stub_price(&stage.world, i, stage.prices[i]))
            .collect();
        match state {
            "fresh" | "divergent" => fresh.push(SOL),
            "wide" => {
                // 3% where the feed allows 2%.
                prices[SOL].confidence = 573_000_000;
                fresh.push(SOL);
            }
            _ => {}
        }
        for asset in fresh {
            let write = stage.venue.write_price(&stage.world, asset, &prices[asset]);
            let key = stage.venue.price_account(asset);
            let refresh = instructions::refresh_prices(&stage.venue.addresses, &[key]);
            stage.world.send(&[write, refresh], &[]).unwrap();
        }
        let (board, exchange) = (stage.venue.addresses.board, stage.venue.addresses.exchange);
        if state == "divergent" {
            stage.patch::<Exchange>(&exchange, |exchange| {
                exchange.feeds[SOL].compare_with = ETH as u8;
            });
        }
        stage.patch::<Board>(&board, |board| match state {
            "divergent" => board.prices[SOL].divergent = 1,
            "never set" => board.prices[SOL] = PriceEntry::zeroed(),
            _ => {}
        });
        let exchange = stage.venue.exchange(&stage.world).unwrap();
        let entry = stage.venue.board(&stage.world).unwrap().prices[SOL];
        let expected = match state {
            "fresh" => Validity::Fresh,
            "wide" => Validity::Wide,
            "never set" => Validity::NeverSet,
            _ => Validity::Stale,
        };
        let validity = entry.validity(exchange.feed(SOL as u8).unwrap(), stage.world.now());
        assert_eq!(validity, expected);
    }

    fn money_lines(&mut self) {
        let (fresh, never) = (None, Some(PriceNeverSet));
        let refused = Some(BelowInitialMargin);
        let stale = Some(StalePrice);

        // 1,000 USDC, 10 SOL and a position of 0.1 ETH, which needs 45 USDC of initial margin.
        let [saver, spender] = [0, 1].map(|_| {
            let key = self.trader(1_000.0);
            self.stage.fund(&key, SOL, 10.0);
            self.buy(&key, ETH, 0.1);
            key
        });
        let deposit = self.deposit(&saver, SOL, 1.0);
        self.line("deposit", ALWAYS, &[&saver], vec![deposit]);
        let withdraw = self.withdraw(&saver, 0, 300.0);
        let expected = [fresh, None, None, None, never];
        self.line("withdraw without it", expected, &[&saver], vec![withdraw]);
        let withdraw = self.withdraw(&spender, 0, 980.0);
        let expected = [fresh, refused, refused, refused, never];
        self.line(
            "withdraw on its value",
            expected,
            &[&spender],
            vec![withdraw],
        );

        // Loans of 10 SOL. At the slow price of 200 and a range of 16% they need 2,562 USDC, at 191 + 2·5.73 they need 2,612.
        let borrowers = [0, 1, 2, 3].map(|_| {
            let key = self.trader(10_000.0);
            let borrow = self.withdraw(&key, SOL, 10.0);
            self.stage.world.send(&[borrow], &[&key]).unwrap();
            key
        });
        let [repays, careful, bold, borrows] = &borrowers;
        let repay = self.deposit(repays, SOL, 4.0);
        self.line("repay", ALWAYS, &[repays], vec![repay]);
        let withdraw = self.withdraw(careful, 0, 7_200.0);
        let expected = [fresh, None, stale, stale, never];
        self.line("withdraw with a loan", expected, &[careful], vec![withdraw]);
        let withdraw = self.withdraw(bold, 0, 7_410.0);
        let expected = [fresh, refused, stale, stale, never];
        self.line("withdraw close to it", expected, &[bold], vec![withdraw]);
        let borrow = self.withdraw(borrows, SOL, 1.0);
        let expected = [fresh, None, stale, stale, never];
        self.line("borrow", expected, &[borrows], vec![borrow]);

        // Who owes nothing may always leave.
        let idle = self.trader(10.0);
        self.stage.fund(&idle, SOL, 1.0);
        let all = [0, SOL].map(|asset| self.withdraw(&idle, asset, 1.0));
        self.line("leave", ALWAYS, &[&idle], all.to_vec());
    }

    fn trading_lines(&mut self) {
        let never = Some(PriceNeverSet);
        let stale = Some(StalePrice);
        let dealer = self.dealer.insecure_clone();

        let trader = self.trader(10_000.0);
        self.buy(&trader, SOL, 20.0);
        let (place, id) = (
            self.place(&trader, self.order(Side::Bid, 1.0)),
            self.stage.state(&trader).next_order_id,
        );
        self.stage.world.send(&[place], &[&trader]).unwrap();
        let account = self.stage.account(&trader);
        let cancel = instructions::cancel_order(&account, &trader.pubkey(), id);
        self.line("cancel", ALWAYS, &[&trader], vec![cancel]);

        let [long, short] = [0, 1].map(|_| self.trader(10_000.0));
        self.stage
            .trade(&short, &long, SOL, Side::Bid, 20.0, 200.0)
            .unwrap();
        let reduce_only = |order| OrderArgs {
            reduce_only: true,
            ..order
        };
        let reduce = vec![
            self.place(&short, self.order(Side::Bid, 5.0)),
            self.place(&long, reduce_only(self.order(Side::Ask, 5.0))),
            self.fill(&short, &long, 1, 1),
        ];
        let expected = [None, None, None, None, never];
        self.line("reduce", expected, &[&short, &long], reduce);

        let opener = self.trader(10_000.0);
        let place = self.place(&opener, self.order(Side::Ask, 1.0));
        let expected = [None, None, stale, stale, never];
        self.line("open by an order", expected, &[&opener], vec![place]);

        // Orders that rested since the price was fresh.
        let [maker, taker] = [0, 1].map(|_| self.trader(10_000.0));
        let rest = [
            self.place(&maker, self.order(Side::Ask, 1.0)),
            self.place(&taker, self.order(Side::Bid, 1.0)),
        ];
        self.stage.world.send(&rest, &[&maker, &taker]).unwrap();
        let fill = self.fill(&maker, &taker, 0, 0);
        self.line("open by a fill", expected, &[], vec![fill]);

        let settles = self.trader(10_000.0);
        self.buy(&settles, SOL, 10.0);
        let closed = self.trader(10_000.0);
        self.buy(&closed, SOL, 10.0);
        self.stage
            .trade(&dealer, &closed, SOL, Side::Ask, 10.0, 200.0)
            .unwrap();
        let expected = [None, Some(UncertainPrice), stale, stale, never];
        for (key, what, refusals) in [
            (&settles, "settle", expected),
            (&closed, "settle what is closed", ALWAYS),
        ] {
            let settle = instructions::settle_pnl(
                &self.stage.venue.addresses,
                &Venue::perpetual(SOL),
                &self.stage.venue.mints[0],
                &self.stage.account(key),
            );
            self.line(what, refusals, &[], vec![settle]);
        }
    }

    fn liquidation_lines(&mut self) {
        let never = Some(PriceNeverSet);
        let stale = Some(StalePrice);
        let taker = self.trader(100_000.0);
        // Long 1 ETH, which falls by 400 USDC, with a SOL or a tenth of one beside it.
        let [large, small, large_flagged, small_flagged] =
            [(500.0, 1.0), (650.0, 0.1), (500.0, 1.0), (650.0, 0.1)].map(|(usdc, sol)| {
                let key = self.trader(usdc);
                self.stage.fund(&key, SOL, sol);
                self.buy(&key, ETH, 1.0);
                key
            });
        // Long 100 SOL with 2,690 USDC: below its margin at 191, above it at 191 + 5.73.
        let edge = self.trader(2_700.0);
        self.buy(&edge, SOL, 100.0);
        self.stage.set_price(ETH, 3_600.0);

        let addresses = self.stage.venue.addresses;
        let quote = self.stage.venue.mints[0];
        let start = |account| vec![instructions::start_liquidation(&addresses, &account)];
        for key in [&large_flagged, &small_flagged] {
            let flag = start(self.stage.account(key));
            self.stage.world.send(&flag, &[]).unwrap();
        }
        // A deposit that never had a price counts nothing and stays where it is.
        let held_up = [None, None, stale, stale, None];
        let too_small = ALWAYS;
        for (what, expected, key) in [
            ("start a liquidation", held_up, &large),
            ("start with little of it", too_small, &small),
        ] {
            let start = start(self.stage.account(key));
            self.line(what, expected, &[], start);
        }
        for (what, expected, key) in [
            ("liquidate", held_up, &large_flagged),
            ("liquidate with little of it", too_small, &small_flagged),
        ] {
            let liquidate = instructions::liquidate(
                &addresses,
                &quote,
                &self.stage.account(key),
                &self.stage.account(&taker),
                &taker.pubkey(),
                &[],
                LiquidateArgs {
                    fraction_max_q32: 1 << 32,
                    price_max: i64::MAX,
                },
            );
            self.line(what, expected, &[&taker], vec![liquidate]);
        }
        let expected = [None, Some(NotLiquidatable), stale, stale, never];
        let start = start(self.stage.account(&edge));
        self.line("start at the edge", expected, &[], start);
    }
}

#[test]
fn the_table_of_the_documentation() {
    for (column, state) in STATES.iter().enumerate() {
        let mut scene = Scene::new();
        scene.money_lines();
        scene.trading_lines();
        scene.liquidation_lines();
        scene.enter(state);
        scene.stage.check_books();
        for line in std::mem::take(&mut scene.lines) {
            println!("{state}: {}", line.what);
            let signers: Vec<&Keypair> = line.signers.iter().collect();
            match line.refusals[column] {
                Some(error) => scene.stage.refused(&line.instructions, &signers, error),
                None => {
                    let sent = scene.stage.world.send(&line.instructions, &signers);
                    assert!(sent.is_ok(), "{}", sent.unwrap_err());
                }
            }
        }
        scene.stage.check_books();
    }
}

#[test]
fn an_uncertain_price_counts_at_the_edge_in_favour_of_a_liquidated_account() {
    let mut scene = Scene::new();
    let edge = scene.trader(2_700.0);
    scene.buy(&edge, SOL, 100.0);
    scene.enter("wide");
    let account = scene.stage.account(&edge);
    let report = |purpose| {
        let (venue, world) = (&scene.stage.venue, &scene.stage.world);
        venue.assess(world, &account, purpose).unwrap()
    };
    let (middle, edge) = (report(Purpose::ReduceRisk), report(Purpose::Liquidate));
    assert!(middle.is_liquidatable() && !edge.is_liquidatable());
    // 100 SOL at 191 with a range of 10% + 2·3%, and at 191 + 5.73 with one of 10%.
    let near = |value: i64, dollars: f64| (value - native(dollars, 6) as i64).abs() < 100;
    assert!(near(middle.equity_maintenance, 1_790.0));
    assert!(near(edge.equity_maintenance, 2_363.0));
    assert!(near(middle.maintenance_margin, 19_100.0 * 0.16));
    assert!(near(edge.maintenance_margin, 1_967.3));
}
