//! The error that an attack must meet, where the place and what is put there say it.

use crate::attack::{Attack, Place, Verdict, Way};
use crate::known::Kind;

/// The errors of Anchor's own checks, and the runtime's or the token program's where those come first.
///
/// `None` where the instruction decides: for another account of the right kind, for somebody else who signs, and beyond the accounts that the
/// interface names.
pub fn verdict(place: &Place, attack: &Attack, places: &[Place]) -> Option<Verdict> {
    let error = match attack.way {
        Way::Unsigned if place.kind == Kind::Empty => Some("ConstraintSigner"),
        Way::Unsigned => Some("AccountNotSigner"),
        _ if place.remaining => None,
        Way::ReadOnly => Some(read_only(place, places)),
        Way::Blank if place.kind.is_token() => Some("UninitializedAccount"),
        Way::Blank if place.kind == Kind::Empty => Some("ConstraintSigner"),
        Way::Blank => Some("AccountDiscriminatorMismatch"),
        Way::OtherKind | Way::LookAlike => wrong_kind(place, attack),
        Way::Twice if attack.kind == place.kind => same_kind(place, attack),
        Way::Twice => wrong_kind(place, attack),
        Way::Another | Way::Elsewhere => same_kind(place, attack),
        Way::Twin | Way::LeftOut => None,
    }?;
    let unsaid = [
        "InvalidAccountData",
        "UninitializedAccount",
        "PrivilegeEscalation",
    ];
    let is_said = !unsaid.contains(&error);
    Some(Verdict {
        error: error.into(),
        is_said,
        blamed: is_said.then(|| place.name.clone()),
    })
}

/// Creating an account comes before any other use of it, or of who pays for it.
fn read_only(place: &Place, places: &[Place]) -> &'static str {
    let is_created = |place: &Place| place.kind == Kind::Nothing && place.writable;
    let pays = place.kind == Kind::Wallet && places.iter().any(is_created);
    if is_created(place) || pays {
        "PrivilegeEscalation"
    } else {
        "ConstraintMut"
    }
}

/// Programs and addresses that only one account can have.
fn same_kind(place: &Place, attack: &Attack) -> Option<&'static str> {
    match place.kind {
        Kind::Program if place.name == "token_program" && attack.with == "Token-2022" => None,
        Kind::Program => Some("InvalidProgramId"),
        Kind::Nothing if place.writable => Some("ConstraintSeeds"),
        _ => None,
    }
}

/// What is refused before anything is known about it but its owner, its first bytes and its signature.
fn wrong_kind(place: &Place, attack: &Attack) -> Option<&'static str> {
    let is_copy = attack.way == Way::LookAlike;
    match place.kind {
        Kind::Wallet if place.signer => (!attack.signs).then_some("AccountNotSigner"),
        kind if kind.is_tagged() => Some(if !is_copy && attack.kind.is_of_program() {
            "AccountDiscriminatorMismatch"
        } else {
            "AccountOwnedByWrongProgram"
        }),
        kind if kind.is_token() => Some(match attack.kind {
            other if !is_copy && other.is_token() => "InvalidAccountData",
            Kind::Nothing => "AccountNotInitialized",
            _ => "AccountOwnedByWrongProgram",
        }),
        _ => same_kind(place, attack),
    }
}
