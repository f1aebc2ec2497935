//! Margin of a portfolio against that of its pieces in accounts of their own.

use ballast_client::state::MarginAccount;
use ballast_client::state::health::{Purpose, Report, View};
use ballast_client::state::{Balance, Position};
use ballast_tests::Stage;
use solana_keypair::Keypair;

/// Margins in quote units.
pub struct Margins {
    /// The account's initial and maintenance margin.
    pub netted: [i64; 2],
    /// Sum of those of its pieces.
    pub apart: [i64; 2],
    /// Those of the pieces: balances first, positions after them, in the order of the slots.
    pub pieces: Vec<[i64; 2]>,
}

/// The margins of an account now.
pub fn margins(stage: &Stage, owner: &Keypair) -> Margins {
    let exchange = stage.venue.exchange(&stage.world).unwrap();
    let board = stage.venue.board(&stage.world).unwrap();
    let view = View {
        exchange: &exchange,
        board: &board,
        now: stage.world.now(),
    };
    let of = |account: &MarginAccount| {
        let mut report = Report::boxed();
        view.assess(account, Purpose::AddRisk, &mut report).unwrap();
        [report.initial_margin, report.maintenance_margin]
    };
    let account = stage.state(owner);
    let program = stage
        .venue
        .assess(&stage.world, &stage.account(owner), Purpose::AddRisk)
        .unwrap();
    let netted = of(&account);
    assert_eq!(netted, [program.initial_margin, program.maintenance_margin]);
    let mut empty = account.boxed_copy();
    empty.balances.fill(Balance::default());
    empty.positions.fill(Position::default());
    // What is in cash needs no margin.
    let balances = account.balances.iter().filter(|slot| slot.asset != 0);
    let balances = balances.filter(|slot| !slot.is_free()).map(|balance| {
        let mut piece = empty.boxed_copy();
        piece.balances[1] = *balance;
        piece
    });
    let positions = account.positions.iter().filter(|slot| slot.base_lots != 0);
    let positions = positions.map(|position| {
        let mut piece = empty.boxed_copy();
        piece.positions[0] = *position;
        piece
    });
    let pieces: Vec<[i64; 2]> = balances.chain(positions).map(|piece| of(&piece)).collect();
    let mut apart = [0; 2];
    for piece in &pieces {
        apart[0] += piece[0];
        apart[1] += piece[1];
    }
    Margins {
        netted,
        apart,
        pieces,
    }
}

impl Margins {
    /// Maintenance margin with netting over that without.
    pub fn ratio(&self) -> f64 {
        self.netted[1] as f64 / self.apart[1] as f64
    }

    /// Prints a row of the table.
    pub fn print(&self, name: &str) {
        let usdc = |value: i64| value as f64 / 1e6;
        let [[initial, maintenance], [initial_apart, maintenance_apart]] =
            [self.netted, self.apart].map(|pair| pair.map(usdc));
        let pieces: Vec<String> = self
            .pieces
            .iter()
            .map(|piece| format!("{:.0}", usdc(piece[1])))
            .collect();
        println!(
            "{name:<34} initial {initial:>10.2} of {initial_apart:>10.2}   maintenance {maintenance:>10.2} of {maintenance_apart:>10.2} ({})   {:>5.1}%",
            pieces.join(" + "),
            100.0 * self.ratio()
        );
    }
}
