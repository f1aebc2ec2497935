//! What people may want to do: one function per instruction, each from what it finds on the floor.

mod admin;
mod crank;
mod liquidation;
mod trader;

use super::actors;
use super::floor::Floor;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast_client::args::ExchangeParameters;
use ballast_client::instructions;
use ballast_risk::Q32_ONE;
use rand::Rng;
use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand_chacha::ChaCha8Rng;

/// A transaction; what it is about comes last.
pub struct Plan {
    /// Its instructions.
    pub instructions: Vec<Instruction>,
    /// Whether somebody has tampered with it.
    pub tampered: bool,
}

impl Plan {
    fn of(before: Vec<Instruction>, instruction: Instruction) -> Option<Self> {
        let mut instructions = before;
        instructions.push(instruction);
        Some(Self {
            instructions,
            tampered: false,
        })
    }

    fn only(instruction: Instruction) -> Option<Self> {
        Self::of(vec![], instruction)
    }
}

type Random = ChaCha8Rng;
type Action = fn(&Floor, &mut Random) -> Option<Plan>;

/// Every instruction with how often it is tried. `refresh_prices` comes by itself when prices age as well.
const ACTIONS: [(u32, Action); 41] = [
    (4, admin::init_exchange),
    (6, admin::add_asset),
    (6, admin::add_underlying),
    (8, admin::add_market),
    (3, admin::update_exchange),
    (6, admin::update_asset),
    (4, admin::update_underlying),
    (3, admin::set_correlation),
    (3, admin::update_feed),
    (4, admin::update_market),
    (4, admin::set_pause),
    (4, admin::propose_authority),
    (6, admin::accept_authority),
    (6, admin::withdraw_fees),
    (16, admin::withdraw_insurance),
    (6, crank::accrue_interest),
    (10, crank::refresh_prices),
    (14, crank::list_series),
    (30, crank::post_surface),
    (10, crank::update_funding),
    (12, crank::prune_order),
    (30, crank::finalize_settlement),
    (40, crank::settle_position),
    (8, crank::collect_fees),
    (30, crank::close_market),
    (60, crank::settle_pnl),
    (6, trader::open_account),
    (5, trader::close_account),
    (28, trader::deposit),
    (60, trader::withdraw),
    (24, trader::transfer),
    (5, trader::set_delegate),
    (110, trader::place_order),
    (14, trader::cancel_order),
    (5, trader::cancel_all),
    (120, trader::place_and_fill),
    (90, trader::fill_order),
    (60, liquidation::start_liquidation),
    (70, liquidation::liquidate),
    (35, liquidation::auto_deleverage),
    (250, liquidation::resolve_bankruptcy),
];

/// Something that can be tried now.
pub fn choose(floor: &Floor, random: &mut Random) -> Option<Plan> {
    let weights = ACTIONS.iter().map(|(weight, _)| *weight);
    let weighted = WeightedIndex::new(weights).expect("some weight is positive");
    // Not everything has an occasion.
    (0..32).find_map(|_| ACTIONS[weighted.sample(random)].1(floor, random))
}

/// Publishes what the feeds say and refreshes the board.
pub fn refresh(floor: &Floor, random: &mut Random) -> Plan {
    crank::refresh_prices(floor, random).expect("prices can always be refreshed")
}

/// The asset on which is borrowed before a ruin.
pub const RUINED: usize = 1;

type Open = Box<dyn Fn(&Floor, &mut Random) -> Plan>;

/// How an episode opens: prices, accounts, the first deposits, by ordinary steps. Where ruin lies ahead, those with little money borrow on one token
/// what they can, and there is no insurance.
pub fn opening(floor: &Floor, ruin: bool, random: &mut Random) -> Vec<Open> {
    let mut steps: Vec<Open> = vec![Box::new(refresh)];
    let insurance = match ruin {
        true => 0.0,
        false => [0.0, 100.0, 20_000.0][random.random_range(0..3)],
    };
    if insurance == 0.0 {
        // Nothing comes in later either, and lenders bear much.
        steps.push(Box::new(|floor, _| {
            let mut parameters = ExchangeParameters::from(floor.exchange());
            parameters.liquidation.insurance_share_q32 = 0;
            parameters.liquidation.loss_maximum_q32 = Q32_ONE / 2;
            let authority = floor.exchange().risk_authority;
            let update = instructions::update_exchange(floor.addresses(), &authority, parameters);
            Plan::only(update).expect("one instruction")
        }));
    } else {
        steps.push(Box::new(move |floor, _| {
            let fund = floor.addresses().insurance_fund();
            let giver = floor.actors.key(actors::STRANGERS.start);
            deposit_of(floor, &fund, &giver, 0, insurance)
        }));
    }
    let rich = (actors::MAKERS.start..actors::LIQUIDATORS.end).map(|actor| (actor, 400_000.0));
    let poor = actors::OWNERS.map(|actor| (actor, 4_000.0));
    for (actor, dollars) in rich.chain(poor) {
        let owner = floor.actors.key(actor);
        steps.push(Box::new(move |floor, _| {
            let open = instructions::open_account(floor.addresses(), &owner, &floor.payer, 0);
            Plan::only(open).expect("one instruction")
        }));
        let size: f64 = random.random_range(0.5..2.0);
        if ruin && actors::OWNERS.contains(&actor) {
            steps.push(Box::new(move |floor, _| {
                let account = floor.addresses().margin_account(&owner, 0);
                deposit_of(floor, &account, &owner, RUINED, dollars * size)
            }));
            let part = random.random_range(0.4..0.7);
            steps.push(Box::new(move |floor, _| {
                loan_of(floor, &owner, dollars * size * part)
            }));
            continue;
        }
        for asset in 0..floor.listed().0 {
            let part = [1.0, 0.3, 0.2][asset];
            steps.push(Box::new(move |floor, _| {
                let account = floor.addresses().margin_account(&owner, 0);
                deposit_of(floor, &account, &owner, asset, dollars * size * part)
            }));
        }
    }
    steps
}

fn deposit_of(
    floor: &Floor,
    account: &Pubkey,
    depositor: &Pubkey,
    asset: usize,
    dollars: f64,
) -> Plan {
    let mint = floor.mint(asset);
    let accrue = instructions::accrue_interest(floor.addresses(), &mint);
    let deposit = instructions::deposit(
        floor.addresses(),
        &mint,
        account,
        depositor,
        &Floor::wallet(depositor, &mint),
        floor.native(asset, dollars),
    );
    Plan::of(vec![accrue], deposit).expect("two instructions")
}

/// A size that may be anything between two others, small ones as likely as large ones.
fn between(low: f64, high: f64, random: &mut Random) -> f64 {
    random.random_range(low.ln()..high.ln()).exp()
}

/// Borrows the quote asset.
fn loan_of(floor: &Floor, owner: &Pubkey, dollars: f64) -> Plan {
    let mint = floor.mint(0);
    let accrue = instructions::accrue_interest(floor.addresses(), &mint);
    let withdraw = instructions::withdraw(
        floor.addresses(),
        &mint,
        &floor.addresses().margin_account(owner, 0),
        owner,
        &Floor::wallet(owner, &mint),
        floor.native(0, dollars),
        true,
    );
    Plan::of(vec![accrue], withdraw).expect("two instructions")
}
