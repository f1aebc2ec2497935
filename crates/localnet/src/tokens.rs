//! SOL and test tokens out of the faucet.

use anchor_lang::prelude::Pubkey;
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::system_instruction;
use anchor_spl::associated_token::get_associated_token_address;
use anchor_spl::associated_token::spl_associated_token_account::instruction::create_associated_token_account_idempotent;
use anchor_spl::token;
use anchor_spl::token::spl_token::instruction as spl;
use anyhow::Result;
use ballast_client::rpc::Connection;
use ballast_client::units::native;
use solana_keypair::Keypair;
use solana_signer::Signer;

/// Length of a mint of SPL Token.
const MINT_LEN: usize = 82;
/// Lamports in a SOL.
pub const LAMPORTS: u64 = 1_000_000_000;

/// A token of the localnet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its ticker.
    pub name: String,
    /// Its mint, an ordinary one of SPL Token whose authority is the faucet; that of SOL, too, which is not wrapped SOL here.
    pub mint: Pubkey,
    /// Its decimals.
    pub decimals: u8,
}

impl Token {
    /// An amount of whole tokens in native units.
    pub fn amount(&self, tokens: f64) -> u64 {
        native(tokens, self.decimals)
    }
}

/// Creates the mint if it does not exist.
pub(crate) async fn create_mint(
    connection: &Connection,
    faucet: &Keypair,
    mint: &Keypair,
    decimals: u8,
) -> Result<()> {
    if connection.accounts(&[mint.pubkey()]).await?[0].is_some() {
        return Ok(());
    }
    let rent = connection
        .rpc()
        .get_minimum_balance_for_rent_exemption(MINT_LEN)
        .await?;
    let instructions = [
        system_instruction::create_account(
            &faucet.pubkey(),
            &mint.pubkey(),
            rent,
            MINT_LEN as u64,
            &token::ID,
        ),
        spl::initialize_mint2(&token::ID, &mint.pubkey(), &faucet.pubkey(), None, decimals)?,
    ];
    connection.send(&instructions, &[faucet, mint]).await?;
    Ok(())
}

/// What gives `owner` native units of a token, in his associated token account. Signer: the faucet.
///
/// # Errors
/// Never, with a mint of SPL Token.
pub fn mint_to(
    faucet: &Pubkey,
    owner: &Pubkey,
    mint: &Pubkey,
    amount: u64,
) -> Result<[Instruction; 2]> {
    let account = get_associated_token_address(owner, mint);
    Ok([
        create_associated_token_account_idempotent(faucet, owner, mint, &token::ID),
        spl::mint_to(&token::ID, mint, &account, faucet, &[], amount)?,
    ])
}

/// Gives a wallet SOL and tokens.
///
/// # Errors
/// When the cluster cannot be reached, or the faucet is empty.
pub async fn fund(
    connection: &Connection,
    faucet: &Keypair,
    owner: &Pubkey,
    lamports: u64,
    tokens: &[(&Token, u64)],
) -> Result<()> {
    let amounts = tokens.iter().map(|(token, amount)| (token.mint, *amount));
    let instructions = funding(&faucet.pubkey(), owner, lamports, amounts)?;
    if !instructions.is_empty() {
        connection.send(&instructions, &[faucet]).await?;
    }
    Ok(())
}

/// What gives a wallet SOL and native units of tokens. Signer: the faucet.
pub(crate) fn funding(
    faucet: &Pubkey,
    owner: &Pubkey,
    lamports: u64,
    amounts: impl Iterator<Item = (Pubkey, u64)>,
) -> Result<Vec<Instruction>> {
    let mut instructions = Vec::new();
    if lamports > 0 {
        instructions.push(system_instruction::transfer(faucet, owner, lamports));
    }
    for (mint, amount) in amounts.filter(|(_, amount)| *amount > 0) {
        instructions.extend(mint_to(faucet, owner, &mint, amount)?);
    }
    Ok(instructions)
}
