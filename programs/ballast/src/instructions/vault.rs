//! Tokens that leave a vault.

use anchor_lang::prelude::*;
use anchor_spl::token_interface::{
    Mint, TokenAccount, TokenInterface, TransferChecked, transfer_checked,
};
use ballast_state::{Bank, seeds};

/// The accounts of a payment, checked by the instruction: the vault and the mint are the bank's.
pub(super) struct Payment<'a, 'info> {
    pub exchange: Pubkey,
    pub bank: &'a AccountLoader<'info, Bank>,
    pub vault: &'a InterfaceAccount<'info, TokenAccount>,
    pub mint: &'a InterfaceAccount<'info, Mint>,
    pub destination: &'a InterfaceAccount<'info, TokenAccount>,
    pub token_program: &'a Interface<'info, TokenInterface>,
}

impl Payment<'_, '_> {
    /// Moves native units from the vault, signed by the bank.
    pub fn send(&self, amount: u64) -> Result<()> {
        let bump = self.bank.load()?.bump;
        let mint = self.mint.key();
        let signer: &[&[u8]] = &[seeds::BANK, self.exchange.as_ref(), mint.as_ref(), &[bump]];
        let transfer = TransferChecked {
            from: self.vault.to_account_info(),
            mint: self.mint.to_account_info(),
            to: self.destination.to_account_info(),
            authority: self.bank.to_account_info(),
        };
        let signers = [signer];
        let context = CpiContext::new_with_signer(self.token_program.key(), transfer, &signers);
        transfer_checked(context, amount, self.mint.decimals)
    }
}
