//! Two steps for each of three roles.

use super::{Accounts, Scene};
use anchor_lang::error::ErrorCode;
use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use ballast::error::BallastError;
use ballast::events::{AuthorityAccepted, AuthorityProposed};
use ballast_client::args::{ExchangeParameters, Role};
use ballast_client::instructions;
use ballast_client::state::Exchange;
use ballast_tests::{Stage, unsigned};
use solana_keypair::Keypair;
use solana_signer::Signer;

const ROLES: [Role; 3] = [Role::Risk, Role::Guardian, Role::Admin];

/// The keys that belong to a role: the present one and the proposed one.
fn keys(exchange: &mut Exchange, role: Role) -> (&mut Pubkey, &mut Pubkey) {
    match role {
        Role::Admin => (&mut exchange.admin, &mut exchange.pending_admin),
        Role::Risk => (
            &mut exchange.risk_authority,
            &mut exchange.pending_risk_authority,
        ),
        Role::Guardian => (&mut exchange.guardian, &mut exchange.pending_guardian),
    }
}

/// Something that only this role may do, and how others are refused.
fn deed(stage: &Stage, role: Role, key: &Pubkey) -> (Instruction, BallastError) {
    let addresses = &stage.venue.addresses;
    match role {
        Role::Admin => {
            let propose =
                instructions::propose_authority(addresses, key, Role::Admin, &Pubkey::default());
            (propose, BallastError::NotAdmin)
        }
        Role::Risk => {
            let now = stage.venue.exchange(&stage.world).unwrap();
            let update = instructions::update_exchange(
                addresses,
                key,
                ExchangeParameters::from(now.as_ref()),
            );
            (update, BallastError::NotRiskAuthority)
        }
        Role::Guardian => {
            let pause = instructions::set_pause(addresses, key, 0, 0);
            (pause, BallastError::NotAdminOrGuardian)
        }
    }
}

#[track_caller]
fn may(scene: &mut Scene, role: Role, key: &Keypair) {
    let (deed, _) = deed(&scene.stage, role, &key.pubkey());
    scene.stage.simulate(&[deed], &[key]).unwrap();
}

#[track_caller]
fn may_not(scene: &mut Scene, role: Role, key: &Keypair) {
    let (deed, refusal) = deed(&scene.stage, role, &key.pubkey());
    scene.stage.refused(&[deed], &[key], refusal);
}

#[test]
fn authorities_change_hands_in_two_steps() {
    let mut scene = Scene::new();
    let addresses = scene.stage.venue.addresses;
    let exchange = addresses.exchange;
    for role in ROLES {
        let old = match role {
            Role::Admin => scene.admin.insecure_clone(),
            Role::Risk => scene.risk.insecure_clone(),
            Role::Guardian => scene.guardian.insecure_clone(),
        };
        let new = Stage::key(60 + role as u8);
        let admin = scene.admin.insecure_clone();
        let propose =
            |key: &Pubkey| instructions::propose_authority(&addresses, key, role, &new.pubkey());
        let accept = |key: &Pubkey, role| instructions::accept_authority(&addresses, key, role);

        may(&mut scene, role, &old);
        may_not(&mut scene, role, &new);
        for other in [&scene.risk, &scene.guardian, &new].map(Keypair::insecure_clone) {
            let proposal = propose(&other.pubkey());
            scene
                .stage
                .refused(&[proposal], &[&other], BallastError::NotAdmin);
        }
        let silent = unsigned(propose(&admin.pubkey()), &admin.pubkey());
        scene
            .stage
            .refused(&[silent], &[], ErrorCode::AccountNotSigner);
        let early = accept(&new.pubkey(), role);
        let stranger = BallastError::NotProposed;
        scene.stage.refused(&[early.clone()], &[&new], stranger);

        // Proposed: nothing but the proposal changes.
        let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
            *keys(exchange, role).1 = new.pubkey();
        });
        let event: AuthorityProposed = scene.send(propose(&admin.pubkey()), &admin, &expected);
        assert_eq!((event.exchange, event.role), (exchange, role as u8));
        assert_eq!(event.proposed, new.pubkey());
        may(&mut scene, role, &old);
        may_not(&mut scene, role, &new);

        for key in [&scene.admin, &scene.risk, &Stage::key(9)].map(Keypair::insecure_clone) {
            let theft = accept(&key.pubkey(), role);
            let refusal = BallastError::NotProposed;
            scene.stage.refused(&[theft], &[&key], refusal);
        }
        for other in ROLES.into_iter().filter(|other| *other != role) {
            let another = accept(&new.pubkey(), other);
            let refusal = BallastError::NotProposed;
            scene.stage.refused(&[another], &[&new], refusal);
        }
        let silent = unsigned(early.clone(), &new.pubkey());
        scene
            .stage
            .refused(&[silent], &[], ErrorCode::AccountNotSigner);

        // Accepted: once.
        let expected = Accounts::of(&scene.stage).change::<Exchange>(&exchange, |exchange| {
            let (present, pending) = keys(exchange, role);
            (*present, *pending) = (new.pubkey(), Pubkey::default());
        });
        let event: AuthorityAccepted = scene.send(early.clone(), &new, &expected);
        assert_eq!((event.exchange, event.role), (exchange, role as u8));
        assert_eq!(event.authority, new.pubkey());
        scene
            .stage
            .refused(&[early], &[&new], BallastError::NotProposed);
        may(&mut scene, role, &new);
        may_not(&mut scene, role, &old);
    }
}

#[test]
fn a_proposal_can_be_taken_back_or_replaced() {
    let mut scene = Scene::new();
    let addresses = scene.stage.venue.addresses;
    let admin = scene.admin.insecure_clone();
    let (first, second) = (Stage::key(60), Stage::key(61));
    for role in ROLES {
        let propose =
            |key: &Pubkey| instructions::propose_authority(&addresses, &admin.pubkey(), role, key);
        let accept =
            |key: &Keypair| instructions::accept_authority(&addresses, &key.pubkey(), role);
        let world = &mut scene.stage.world;
        let steps = [propose(&first.pubkey()), propose(&Pubkey::default())];
        world.send(&steps, &[&admin]).unwrap();
        let refusal = BallastError::NotProposed;
        scene.stage.refused(&[accept(&first)], &[&first], refusal);
        let world = &mut scene.stage.world;
        let steps = [propose(&first.pubkey()), propose(&second.pubkey())];
        world.send(&steps, &[&admin]).unwrap();
        let refusal = BallastError::NotProposed;
        scene.stage.refused(&[accept(&first)], &[&first], refusal);
        let world = &mut scene.stage.world;
        world.send(&[accept(&second)], &[&second]).unwrap();
        may(&mut scene, role, &second);
    }
}

#[test]
fn authorities_of_another_exchange_are_nobody_here() {
    let mut scene = Scene::new();
    let other = scene.stage.other_venue();
    let (here, there) = (scene.stage.venue.addresses, other.addresses);
    let admin = scene.admin.insecure_clone();
    let new = Stage::key(60);
    for role in ROLES {
        may_not(&mut scene, role, &other.admin);
        let propose = |addresses, key: &Keypair| {
            instructions::propose_authority(addresses, &key.pubkey(), role, &new.pubkey())
        };
        let foreign = propose(&there, &admin);
        scene
            .stage
            .refused(&[foreign], &[&admin], BallastError::NotAdmin);
        let world = &mut scene.stage.world;
        world
            .send(&[propose(&there, &other.admin)], &[&other.admin])
            .unwrap();
        let accept = instructions::accept_authority(&here, &new.pubkey(), role);
        scene
            .stage
            .refused(&[accept], &[&new], BallastError::NotProposed);
    }
}
