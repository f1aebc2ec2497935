//! Who may change what: authorities that change hands, bounded pauses, and parameters within their bounds.
#![allow(
    clippy::cloned_ref_to_slice_refs,
    reason = "a transaction reads as a list of instructions"
)]

mod parameters;
mod pause;
mod roles;

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::{AnchorDeserialize, Discriminator};
use ballast_client::args::Role;
use ballast_client::state::Tagged;
use ballast_client::{events, instructions, read_account};
use ballast_tests::Stage;
use solana_keypair::Keypair;
use solana_signer::Signer;
use std::collections::BTreeMap;

/// A stage on which every authority is somebody else.
struct Scene {
    stage: Stage,
    admin: Keypair,
    risk: Keypair,
    guardian: Keypair,
}

impl Scene {
    fn new() -> Self {
        Self::on(Stage::new())
    }

    fn on(stage: Stage) -> Self {
        let mut scene = Self {
            admin: stage.venue.admin.insecure_clone(),
            risk: Stage::key(101),
            guardian: Stage::key(102),
            stage,
        };
        scene.hand_over(Role::Risk, &scene.risk.insecure_clone());
        scene.hand_over(Role::Guardian, &scene.guardian.insecure_clone());
        scene
    }

    fn hand_over(&mut self, role: Role, to: &Keypair) {
        let addresses = &self.stage.venue.addresses;
        let both = [
            instructions::propose_authority(addresses, &self.admin.pubkey(), role, &to.pubkey()),
            instructions::accept_authority(addresses, &to.pubkey(), role),
        ];
        self.stage.world.send(&both, &[&self.admin, to]).unwrap();
    }

    /// Sends an instruction that must change exactly what `expected` says, and returns its one event.
    #[track_caller]
    fn send<E: AnchorDeserialize + Discriminator>(
        &mut self,
        instruction: Instruction,
        signer: &Keypair,
        expected: &Accounts,
    ) -> E {
        let world = &mut self.stage.world;
        let done = world.send(&[instruction], &[signer]).unwrap();
        let after = self.stage.snapshot();
        for (key, data) in &expected.0 {
            let place = (0..data.len()).find(|&place| data[place] != after[key][place]);
            assert_eq!(place, None, "{key} differs from what was expected");
        }
        assert_eq!(after.len(), expected.0.len());
        let events = events::decode_all(&done.logs);
        assert_eq!(events.len(), 1);
        events[0].parse().expect("another event")
    }
}

/// The bytes of all accounts as they should be.
struct Accounts(BTreeMap<Pubkey, Vec<u8>>);

impl Accounts {
    fn of(stage: &Stage) -> Self {
        Self(stage.snapshot())
    }

    fn change<T: Tagged>(mut self, key: &Pubkey, change: impl FnOnce(&mut T)) -> Self {
        let data = self.0.get_mut(key).expect("an account");
        let mut body = read_account::<T>(data).expect("an account of this type");
        change(&mut body);
        data[T::TAG.len()..].copy_from_slice(bytemuck::bytes_of(&*body));
        self
    }
}
