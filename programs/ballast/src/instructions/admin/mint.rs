//! Which tokens a vault may hold.

use crate::error::BallastError;
use anchor_lang::prelude::*;
use anchor_spl::token_2022::spl_token_2022::extension::{
    BaseStateWithExtensions, ExtensionType, StateWithExtensions,
};
use anchor_spl::token_2022::spl_token_2022::state::Mint;

/// Refuses mints whose extensions could block, hide, take or freeze what the vault holds. Transfer fees are fine, since what
/// arrives is credited, and so is what only describes the token. Wallets show other amounts of tokens that bear interest or are scaled than the vault
/// holds: they are refused as not supported.
pub(super) fn require_transferable(mint: &AccountInfo) -> Result<()> {
    if mint.owner == &anchor_spl::token::ID {
        return Ok(());
    }
    let data = mint.try_borrow_data()?;
    let state = StateWithExtensions::<Mint>::unpack(&data)?;
    for extension in state.get_extension_types()? {
        let refusal = match extension {
            ExtensionType::TransferFeeConfig
            | ExtensionType::MetadataPointer
            | ExtensionType::TokenMetadata
            | ExtensionType::GroupPointer
            | ExtensionType::TokenGroup
            | ExtensionType::GroupMemberPointer
            | ExtensionType::TokenGroupMember
            | ExtensionType::DefaultAccountState => continue,
            ExtensionType::TransferHook => BallastError::MintHasTransferHook,
            ExtensionType::ConfidentialTransferMint
            | ExtensionType::ConfidentialTransferFeeConfig
            | ExtensionType::ConfidentialMintBurn => BallastError::MintHasConfidentialTransfers,
            ExtensionType::PermanentDelegate => BallastError::MintHasPermanentDelegate,
            ExtensionType::NonTransferable => BallastError::MintNotTransferable,
            ExtensionType::Pausable => BallastError::MintCanBePaused,
            _ => BallastError::MintExtensionNotSupported,
        };
        return Err(refusal.into());
    }
    Ok(())
}
