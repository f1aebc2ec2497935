//! The volatility surface: who posts it, how often, and within which bounds.

use crate::scene::{event, patch_underlying, pause};
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::SurfacePosted;
use ballast_client::args::SurfaceArgs;
use ballast_client::instructions;
use ballast_client::state::{Board, Pausable, UnderlyingState};
use ballast_client::units::q32;
use ballast_tests::{Code, Stage, unsigned, with};
use solana_keypair::Keypair;
use solana_signer::Signer;

const ONE: i64 = 1 << 32;
const DAY_S: i64 = 86_400;

/// Days of the six tenors.
const DAYS: [u64; 6] = [1, 7, 30, 90, 180, 365];

/// A stage whose surface of SOL one key posts.
struct Scene {
    stage: Stage,
    poster: Keypair,
}

impl Scene {
    fn new() -> Self {
        let mut stage = Stage::steady();
        let poster = Stage::key(77);
        let key = poster.pubkey();
        patch_underlying(&mut stage, 0, |listed| listed.surface_authority = key);
        Self { stage, poster }
    }

    /// A first surface of one volatility is posted.
    fn posted(volatility: f64) -> Self {
        let mut scene = Self::new();
        scene.realised(volatility);
        scene.posts(flat(volatility));
        scene.stage.world.advance(60);
        scene
    }

    /// Sets the realised volatility.
    fn realised(&mut self, volatility: f64) {
        let board = self.stage.venue.addresses.board;
        self.stage.patch::<Board>(&board, |board| {
            board.underlyings[0].volatility_q32 = q32(volatility);
        });
    }

    fn state(&self) -> UnderlyingState {
        self.stage
            .venue
            .board(&self.stage.world)
            .unwrap()
            .underlyings[0]
    }

    fn post(&self, args: SurfaceArgs) -> Instruction {
        instructions::post_surface(&self.stage.venue.addresses, &self.poster.pubkey(), args)
    }

    #[track_caller]
    fn posts(&mut self, args: SurfaceArgs) {
        let post = self.post(args);
        let done = self.stage.world.send(&[post], &[&self.poster]);
        let done = done.unwrap_or_else(|refusal| panic!("{args:?}: {refusal}"));
        self.stage.check_books();
        let posted: SurfacePosted = event(&done);
        assert_eq!(posted.surface, args);
        assert_eq!(posted.exchange, self.stage.venue.addresses.exchange);
        let state = self.state();
        assert_eq!(state.atm_volatility_q32, args.atm_volatility_q32);
        assert_eq!(
            (state.skew_q32, state.smile_q32),
            (args.skew_q32, args.smile_q32)
        );
        assert_eq!(state.carry_q32, args.carry_q32);
        assert_eq!(state.surface_time, self.stage.world.now());
    }

    /// It would be taken; nothing changes.
    #[track_caller]
    fn may(&mut self, args: SurfaceArgs) {
        let post = self.post(args);
        let poster = self.poster.insecure_clone();
        if let Err(refusal) = self.stage.simulate(&[post], &[&poster]) {
            panic!("{args:?}: {refusal}");
        }
    }

    #[track_caller]
    fn may_not(&mut self, args: SurfaceArgs) {
        self.refused(args, BallastError::SurfaceOutOfBounds);
    }

    #[track_caller]
    fn refused(&mut self, args: SurfaceArgs, error: BallastError) {
        let post = self.post(args);
        let poster = self.poster.insecure_clone();
        self.stage.refused(&[post], &[&poster], error);
    }

    /// The value is within a bound, one more (or less) is beyond it.
    #[track_caller]
    fn edge(&mut self, args: SurfaceArgs, beyond: i64, set: impl Fn(&mut SurfaceArgs, i64)) {
        self.may(with_change(args, 0, &set));
        self.may_not(with_change(args, beyond, &set));
    }
}

fn with_change(
    mut args: SurfaceArgs,
    by: i64,
    set: &impl Fn(&mut SurfaceArgs, i64),
) -> SurfaceArgs {
    set(&mut args, by);
    args
}

fn flat(volatility: f64) -> SurfaceArgs {
    SurfaceArgs {
        underlying: 0,
        atm_volatility_q32: [q32(volatility); 6],
        skew_q32: 0,
        smile_q32: 0,
        carry_q32: 0,
    }
}

/// A flat surface with one tenor at another level.
fn tenor(volatility: f64, index: usize, level: u64) -> SurfaceArgs {
    let mut args = flat(volatility);
    args.atm_volatility_q32[index] = level;
    args
}

/// A product of two numbers in Q32, rounded down.
fn product(a: u64, b: u64) -> u64 {
    ((u128::from(a) * u128::from(b)) >> 32) as u64
}

#[test]
fn only_its_authority_posts_a_surface() {
    let mut scene = Scene::new();
    let args = SurfaceArgs {
        atm_volatility_q32: [0.9, 0.85, 0.8, 0.75, 0.7, 0.65].map(q32),
        skew_q32: -ONE / 20,
        smile_q32: ONE / 50,
        carry_q32: ONE / 10,
        ..flat(0.8)
    };
    let right = scene.post(args);
    let key = scene.poster.pubkey();
    for other in [&scene.stage.venue.admin, &Stage::key(1)].map(Keypair::insecure_clone) {
        let post = with(right.clone(), &key, &other.pubkey());
        let error = BallastError::NotSurfaceAuthority;
        scene.stage.refused(&[post], &[&other], error);
    }
    let there = scene.stage.other_venue();
    let here = scene.stage.venue.addresses;
    let poster = scene.poster.insecure_clone();
    let no_signature = ErrorCode::AccountNotSigner;
    let post = unsigned(right.clone(), &key);
    scene.stage.refused(&[post], &[], no_signature);
    for (from, to) in [
        (here.board, there.addresses.board),
        (here.exchange, there.addresses.exchange),
    ] {
        let post = with(right.clone(), &from, &to);
        let code = BallastError::WrongBoard.into();
        scene.stage.refused(&[post], &[&poster], Code(code));
    }
    // It is of one underlying: that of ETH is the admin's.
    let eth = SurfaceArgs {
        underlying: 1,
        ..args
    };
    scene.refused(eth, BallastError::NotSurfaceAuthority);
    for underlying in [3, 32, 255] {
        let unknown = SurfaceArgs { underlying, ..args };
        scene.refused(unknown, BallastError::UnknownIndex);
    }
    pause(&mut scene.stage, Some(Pausable::PostSurface));
    scene.refused(args, BallastError::Paused);
    pause(&mut scene.stage, None);
    // With no authority there is nobody.
    patch_underlying(&mut scene.stage, 0, |listed| {
        listed.surface_authority = Pubkey::default();
    });
    scene.refused(args, BallastError::NotSurfaceAuthority);
    patch_underlying(&mut scene.stage, 0, |listed| listed.surface_authority = key);
    scene.posts(args);
}

#[test]
fn surfaces_are_an_interval_apart() {
    let mut scene = Scene::new();
    scene.posts(flat(0.8));
    for wait in [0, 1, 58] {
        scene.stage.world.advance(wait);
        scene.refused(flat(0.8), BallastError::TooEarly);
    }
    scene.stage.world.advance(1);
    scene.posts(flat(0.8));
    scene.refused(flat(0.8), BallastError::TooEarly);
    patch_underlying(&mut scene.stage, 0, |listed| {
        listed.surface_interval_s = 1_000
    });
    scene.stage.world.advance(999);
    scene.refused(flat(0.8), BallastError::TooEarly);
    scene.stage.world.advance(1);
    scene.posts(flat(0.8));
}

#[test]
fn the_first_surface_lies_within_floor_and_cap() {
    // The realised volatility is such that its distance does not bind.
    for (level, realised, beyond) in [(0.1, 0.3, -1), (4.0, 2.0, 1)] {
        let mut scene = Scene::new();
        scene.realised(realised);
        scene.may(flat(level));
        scene.may_not(flat(level + 0.01 * beyond as f64));
        // One tenor at the edge, and a bit beyond it.
        for index in 0..6 {
            let args = flat(level);
            scene.edge(args, beyond, |args, by| {
                let volatility = &mut args.atm_volatility_q32[index];
                *volatility = volatility.checked_add_signed(by).unwrap();
            });
        }
    }
    let mut scene = Scene::new();
    for level in [0, u64::MAX] {
        scene.may_not(tenor(0.8, 5, level));
    }
}

#[test]
fn the_first_surface_lies_within_the_distance_from_what_is_realised() {
    // A factor of 5 either way of 0.625, all exact in binary.
    let mut scene = Scene::new();
    scene.realised(0.625);
    for (level, beyond) in [(0.125, -1), (3.125, 1)] {
        for index in 0..6 {
            scene.edge(flat(level), beyond, |args, by| {
                let volatility = &mut args.atm_volatility_q32[index];
                *volatility = volatility.checked_add_signed(by).unwrap();
            });
        }
    }
}

#[test]
fn a_volatility_moves_by_a_step_at_most() {
    let mut scene = Scene::posted(0.8);
    without_budget(&mut scene);
    let old = q32(0.8);
    let step = product(old, q32(0.2));
    for index in 0..6 {
        for (level, beyond) in [(old + step, 1), (old - step, -1)] {
            scene.edge(tenor(0.8, index, level), beyond, |args, by| {
                let volatility = &mut args.atm_volatility_q32[index];
                *volatility = volatility.checked_add_signed(by).unwrap();
            });
        }
    }
    // A step is of the last level, not of the first: 0.8, 0.96, 1.152.
    scene.may_not(flat(1.152));
    scene.posts(flat(0.96));
    scene.stage.world.advance(60);
    scene.posts(flat(1.152 - 1e-9));
    // Time alone does not allow more.
    scene.stage.world.advance(7 * 86_400);
    scene.may_not(flat(1.5));
}

#[test]
fn beyond_the_distance_a_volatility_may_only_come_back() {
    for (realised, away) in [(4.5, -1.0), (0.15, 1.0)] {
        let mut scene = Scene::posted(0.8);
        scene.realised(realised);
        // 0.8 is below a fifth of 4.5, and above five times 0.15.
        scene.may(flat(0.8));
        scene.may_not(flat(0.8 + away * 0.001));
        scene.may(flat(0.8 - away * 0.001));
        for index in 0..6 {
            let towards = |by: f64| tenor(0.8, index, q32(0.8 + by));
            scene.may_not(towards(away * 0.001));
            scene.may(towards(-away * 0.001));
            // No faster than a step, though.
            scene.may_not(towards(-away * 0.17));
        }
        // Halfway back it may still only go on.
        scene.posts(flat(0.8 - away * 0.02));
        scene.stage.world.advance(60);
        scene.may_not(flat(0.8));
        // All the way back it may do either.
        scene.posts(flat(0.8 - away * 0.13));
        scene.stage.world.advance(60);
        scene.may(flat(0.8 - away * 0.11));
        scene.may(flat(0.8 - away * 0.15));
    }
}

#[test]
fn total_variance_rises_with_the_tenor() {
    for index in 1..6 {
        let mut scene = Scene::new();
        let base = q32(0.8);
        // The least level at which a tenor's variance times its days is not below the one before.
        let total = product(base, base) * DAYS[index - 1];
        let (mut low, mut high) = (0, base);
        while low + 1 < high {
            let middle = low + (high - low) / 2;
            if product(middle, middle) * DAYS[index] >= total {
                high = middle;
            } else {
                low = middle;
            }
        }
        let ratio = high as f64 / base as f64;
        let exact = (DAYS[index - 1] as f64 / DAYS[index] as f64).sqrt();
        assert!((ratio - exact).abs() < 1e-8);
        scene.may(tenor(0.8, index, high));
        scene.may_not(tenor(0.8, index, low));
        // Raising the ones before it comes to the same.
        let raised = |factor: f64| {
            let mut args = flat(0.8);
            args.atm_volatility_q32[..index].fill(q32(0.8 / exact * factor));
            args
        };
        scene.may(raised(0.999_999));
        scene.may_not(raised(1.000_001));
    }
}

/// Lets a day change the surface by anything.
fn without_budget(scene: &mut Scene) {
    patch_underlying(&mut scene.stage, 0, |listed| {
        listed.surface_day_q32 = ONE as u64;
    });
}

#[test]
fn skew_and_smile_begin_at_nothing_and_move_by_a_part_of_a_days_budget() {
    type Setter = fn(&mut SurfaceArgs, i64);
    let setters: [(Setter, i64); 2] = [
        (|args, value| args.skew_q32 = value, 3),
        (|args, value| args.smile_q32 = value, 9),
    ];
    for (set, part) in setters {
        let at = |value| with_change(flat(0.8), value, &set);
        let day = q32(0.2) as i64 / part;
        let mut scene = Scene::new();
        for sign in [-1, 1] {
            scene.may(at(sign * day));
            scene.may_not(at(sign * (day + 1)));
        }
        scene.may_not(at(i64::MIN));
        scene.may_not(at(i64::MAX));
        // The first day begins at 0, the next one where the first has led.
        scene.posts(at(day));
        scene.stage.world.advance(DAY_S - 1);
        scene.may(at(-day));
        scene.may_not(at(day + 1));
        scene.stage.world.advance(1);
        scene.may(at(2 * day));
        scene.may_not(at(2 * day + 1));
        scene.may_not(at(-1));
        // Never beyond 1.
        let board = scene.stage.venue.addresses.board;
        scene.stage.patch::<Board>(&board, |board| {
            let state = &mut board.underlyings[0];
            (state.skew_q32, state.smile_q32) = (ONE - 1, ONE - 1);
        });
        let both = |value: i64| SurfaceArgs {
            skew_q32: value.min(ONE),
            smile_q32: value.min(ONE),
            ..flat(0.8)
        };
        scene.may(both(ONE));
        scene.may_not(with_change(both(ONE), ONE + 1, &set));
    }
}

#[test]
fn the_carry_is_bounded_and_moves_by_a_days_budget_of_its_bound() {
    let most = q32(0.5) as i64;
    let day = product(q32(0.5), q32(0.2)) as i64;
    let at = |carry_q32| SurfaceArgs {
        carry_q32,
        ..flat(0.8)
    };
    for sign in [-1, 1] {
        let mut scene = Scene::new();
        scene.may(at(sign * day));
        scene.may_not(at(sign * (day + 1)));
        scene.may_not(at(i64::MIN));
        for days in 1..=5 {
            scene.may_not(at(sign * (days * day + 1)));
            scene.posts(at((sign * days * day).clamp(-most, most)));
            scene.stage.world.advance(DAY_S);
        }
        scene.may(at(scene.state().carry_q32));
        scene.may_not(at(sign * (most + 1)));
        scene.may_not(at(-sign * day));
    }
}

#[test]
fn a_days_budget_bounds_many_steps_but_for_where_the_market_has_gone() {
    let mut scene = Scene::posted(0.8);
    // A fifth up from 0.8 in two steps, no further until a day after the first post.
    scene.posts(flat(0.88));
    scene.stage.world.advance(60);
    scene.may(flat(0.959_9));
    scene.may_not(flat(0.961));
    scene.posts(flat(0.959));
    scene.stage.world.advance(60);
    scene.may_not(flat(0.97));
    scene.may(flat(0.8));
    // The market moves: up to the realised volatility it may follow, and back with it.
    scene.realised(1.1);
    scene.may(flat(1.099));
    scene.may_not(flat(1.101));
    scene.posts(flat(1.099));
    scene.stage.world.advance(60);
    scene.realised(0.7);
    scene.may_not(flat(1.1));
    scene.may(flat(1.098));
    scene.may(flat(0.9));
    // A day later the budget is counted from where it stands.
    scene.stage.world.advance(DAY_S);
    scene.may(flat(1.31));
    scene.may_not(flat(1.319));
    // Down likewise.
    scene.may(flat(0.88));
}
