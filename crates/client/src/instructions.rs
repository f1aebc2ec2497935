//! One builder per instruction of the program. Accounts that derive from others are filled in.

use crate::ExchangeAddresses;
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::system_instruction;
use anchor_lang::{InstructionData, ToAccountMetas, system_program};
use anchor_spl::token;
use ballast::instructions::{
    AssetArgs, FillArgs, InitExchangeArgs, LiquidateArgs, MarketArgs, OrderArgs, UnderlyingArgs,
};
use ballast::{accounts, instruction};
use ballast_state::{Board, Exchange, MarketTerms, seeds};

fn build(accounts: impl ToAccountMetas, data: impl InstructionData) -> Instruction {
    Instruction {
        program_id: ballast::ID,
        accounts: accounts.to_account_metas(None),
        data: data.data(),
    }
}

fn with_remaining(mut instruction: Instruction, keys: &[Pubkey], writable: bool) -> Instruction {
    instruction
        .accounts
        .extend(keys.iter().map(|key| AccountMeta {
            pubkey: *key,
            is_signer: false,
            is_writable: writable,
        }));
    instruction
}

/// Creates the two large accounts of an exchange and initialises it. Signers: exchange, board, admin, payer.
/// `rent` gives the rent-exempt balance of a length.
pub fn init_exchange(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    payer: &Pubkey,
    rent: impl Fn(usize) -> u64,
    args: InitExchangeArgs,
) -> Vec<Instruction> {
    let create = |key: &Pubkey, len: usize| {
        system_instruction::create_account(payer, key, rent(len), len as u64, &ballast::ID)
    };
    let init = build(
        accounts::InitExchange {
            exchange: addresses.exchange,
            board: addresses.board,
            insurance_fund: addresses.insurance_fund(),
            insurance_owner: seeds::insurance_owner(&addresses.exchange),
            admin: *admin,
            payer: *payer,
            system_program: system_program::ID,
        },
        instruction::InitExchange { args },
    );
    vec![
        create(&addresses.exchange, Exchange::ACCOUNT_LEN),
        create(&addresses.board, Board::ACCOUNT_LEN),
        init,
    ]
}

/// Lists an asset. Signers: admin, payer.
pub fn add_asset(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    payer: &Pubkey,
    mint: &Pubkey,
    args: AssetArgs,
) -> Instruction {
    build(
        accounts::AddAsset {
            exchange: addresses.exchange,
            board: addresses.board,
            mint: *mint,
            bank: addresses.bank(mint),
            vault: addresses.vault(mint),
            admin: *admin,
            payer: *payer,
            token_program: token::ID,
            system_program: system_program::ID,
        },
        instruction::AddAsset { args },
    )
}

/// Lists an underlying. Signer: admin.
pub fn add_underlying(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    args: UnderlyingArgs,
) -> Instruction {
    build(
        accounts::AddUnderlying {
            exchange: addresses.exchange,
            board: addresses.board,
            admin: *admin,
        },
        instruction::AddUnderlying { args },
    )
}

/// Opens a market. Signers: admin, payer.
pub fn add_market(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    payer: &Pubkey,
    args: MarketArgs,
) -> Instruction {
    build(
        accounts::AddMarket {
            exchange: addresses.exchange,
            market: addresses.market(&args.terms.into()),
            admin: *admin,
            payer: *payer,
            system_program: system_program::ID,
        },
        instruction::AddMarket { args },
    )
}

/// Writes the prices of Pyth accounts to the board. No signer.
pub fn refresh_prices(addresses: &ExchangeAddresses, price_accounts: &[Pubkey]) -> Instruction {
    let refresh = build(
        accounts::RefreshPrices {
            exchange: addresses.exchange,
            board: addresses.board,
        },
        instruction::RefreshPrices {},
    );
    with_remaining(refresh, price_accounts, false)
}

/// Settles an account's profit or loss in one market. No signer.
pub fn settle_pnl(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    quote_mint: &Pubkey,
    margin_account: &Pubkey,
) -> Instruction {
    build(
        accounts::SettlePnl {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
            quote_bank: addresses.bank(quote_mint),
            margin_account: *margin_account,
        },
        instruction::SettlePnl {},
    )
}

/// Opens a margin account. Signers: owner, payer.
pub fn open_account(
    addresses: &ExchangeAddresses,
    owner: &Pubkey,
    payer: &Pubkey,
    sub_account: u16,
) -> Instruction {
    build(
        accounts::OpenAccount {
            exchange: addresses.exchange,
            margin_account: addresses.margin_account(owner, sub_account),
            owner: *owner,
            payer: *payer,
            system_program: system_program::ID,
        },
        instruction::OpenAccount { sub_account },
    )
}

/// Closes an empty margin account. Signer: owner.
pub fn close_account(
    addresses: &ExchangeAddresses,
    owner: &Pubkey,
    sub_account: u16,
) -> Instruction {
    build(
        accounts::CloseAccount {
            margin_account: addresses.margin_account(owner, sub_account),
            owner: *owner,
        },
        instruction::CloseAccount {},
    )
}

/// Deposits tokens from `source` into a margin account. Signer: depositor.
pub fn deposit(
    addresses: &ExchangeAddresses,
    mint: &Pubkey,
    margin_account: &Pubkey,
    depositor: &Pubkey,
    source: &Pubkey,
    amount: u64,
) -> Instruction {
    build(
        accounts::Deposit {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
            bank: addresses.bank(mint),
            vault: addresses.vault(mint),
            mint: *mint,
            source: *source,
            depositor: *depositor,
            token_program: token::ID,
        },
        instruction::Deposit { amount },
    )
}

/// Withdraws tokens to `destination`; `u64::MAX` is the whole deposit. Signer: owner.
pub fn withdraw(
    addresses: &ExchangeAddresses,
    mint: &Pubkey,
    margin_account: &Pubkey,
    owner: &Pubkey,
    destination: &Pubkey,
    amount: u64,
    allow_borrow: bool,
) -> Instruction {
    build(
        accounts::Withdraw {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
            bank: addresses.bank(mint),
            vault: addresses.vault(mint),
            mint: *mint,
            destination: *destination,
            owner: *owner,
            token_program: token::ID,
        },
        instruction::Withdraw {
            amount,
            allow_borrow,
        },
    )
}

/// Rests an order in a margin account. Signer: owner or delegate.
pub fn place_order(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    margin_account: &Pubkey,
    trader: &Pubkey,
    args: OrderArgs,
) -> Instruction {
    build(
        accounts::PlaceOrder {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
            margin_account: *margin_account,
            trader: *trader,
        },
        instruction::PlaceOrder { args },
    )
}

/// Takes a resting order back. Signer: owner or delegate.
pub fn cancel_order(margin_account: &Pubkey, trader: &Pubkey, order_id: u64) -> Instruction {
    build(
        accounts::CancelOrder {
            margin_account: *margin_account,
            trader: *trader,
        },
        instruction::CancelOrder { order_id },
    )
}

/// Fills two crossing orders. Signer: filler, who gets a share of the fees in `filler_account` when it is given.
pub fn fill_order(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    maker: &Pubkey,
    taker: &Pubkey,
    filler_account: Option<Pubkey>,
    filler: &Pubkey,
    args: FillArgs,
) -> Instruction {
    build(
        accounts::FillOrder {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
            maker: *maker,
            taker: *taker,
            filler_account,
            filler: *filler,
        },
        instruction::FillOrder { args },
    )
}

/// Flags an account below its maintenance margin. No signer.
pub fn start_liquidation(addresses: &ExchangeAddresses, margin_account: &Pubkey) -> Instruction {
    build(
        accounts::StartLiquidation {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
        },
        instruction::StartLiquidation {},
    )
}

/// Takes a slice of a flagged account. Signer: owner or delegate of `liquidator`. `netting` are the banks and markets in
/// which the liquidator's own holdings are opposite to the account's.
pub fn liquidate(
    addresses: &ExchangeAddresses,
    quote_mint: &Pubkey,
    margin_account: &Pubkey,
    liquidator: &Pubkey,
    signer: &Pubkey,
    netting: &[Pubkey],
    args: LiquidateArgs,
) -> Instruction {
    let liquidate = build(
        accounts::Liquidate {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
            liquidator: *liquidator,
            insurance_fund: addresses.insurance_fund(),
            quote_bank: addresses.bank(quote_mint),
            signer: *signer,
        },
        instruction::Liquidate { args },
    );
    with_remaining(liquidate, netting, true)
}
