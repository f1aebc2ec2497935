//! One builder per instruction of the program. Accounts that derive from others are filled in.

use crate::ExchangeAddresses;
use crate::args::{
    AssetArgs, AssetParameters, CorrelationArgs, ExchangeParameters, FeedParameters, FillArgs,
    InitExchangeArgs, LiquidateArgs, MarketArgs, MarketParameters, OrderArgs, OrderFilter, Role,
    SurfaceArgs, UnderlyingArgs, UnderlyingParameters,
};
use anchor_lang::prelude::{AccountMeta, Pubkey};
use anchor_lang::solana_program::instruction::Instruction;
use anchor_lang::solana_program::system_instruction;
use anchor_lang::{InstructionData, ToAccountMetas, system_program};
use anchor_spl::token;
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

/// A mint and the program it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// The mint.
    pub mint: Pubkey,
    /// SPL Token or Token-2022.
    pub program: Pubkey,
}

impl From<&Pubkey> for Token {
    /// A mint of SPL Token.
    fn from(mint: &Pubkey) -> Self {
        Self {
            mint: *mint,
            program: token::ID,
        }
    }
}

impl From<&Token> for Token {
    fn from(token: &Token) -> Self {
        *token
    }
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
    token: impl Into<Token>,
    args: AssetArgs,
) -> Instruction {
    let Token { mint, program } = token.into();
    build(
        accounts::AddAsset {
            exchange: addresses.exchange,
            board: addresses.board,
            mint,
            bank: addresses.bank(&mint),
            vault: addresses.vault(&mint),
            admin: *admin,
            payer: *payer,
            token_program: program,
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

/// Changes the parameters of the whole exchange. Signer: risk authority.
pub fn update_exchange(
    addresses: &ExchangeAddresses,
    risk_authority: &Pubkey,
    parameters: ExchangeParameters,
) -> Instruction {
    build(
        accounts::UpdateExchange {
            exchange: addresses.exchange,
            risk_authority: *risk_authority,
        },
        instruction::UpdateExchange { parameters },
    )
}

/// Changes the parameters of an asset. Signer: risk authority. Needs [`accrue_interest`] before it when the asset is lent.
pub fn update_asset(
    addresses: &ExchangeAddresses,
    risk_authority: &Pubkey,
    mint: &Pubkey,
    parameters: AssetParameters,
) -> Instruction {
    build(
        accounts::UpdateAsset {
            exchange: addresses.exchange,
            board: addresses.board,
            bank: addresses.bank(mint),
            risk_authority: *risk_authority,
        },
        instruction::UpdateAsset { parameters },
    )
}

/// Changes the parameters of an underlying. Signer: risk authority.
pub fn update_underlying(
    addresses: &ExchangeAddresses,
    risk_authority: &Pubkey,
    index: u8,
    parameters: UnderlyingParameters,
) -> Instruction {
    build(
        accounts::UpdateUnderlying {
            exchange: addresses.exchange,
            risk_authority: *risk_authority,
        },
        instruction::UpdateUnderlying { index, parameters },
    )
}

/// Changes the correlation of two underlyings. Signer: risk authority.
pub fn set_correlation(
    addresses: &ExchangeAddresses,
    risk_authority: &Pubkey,
    pair: [u8; 2],
    correlation: CorrelationArgs,
) -> Instruction {
    let [first, second] = pair;
    build(
        accounts::UpdateUnderlying {
            exchange: addresses.exchange,
            risk_authority: *risk_authority,
        },
        instruction::SetCorrelation {
            first,
            second,
            correlation,
        },
    )
}

/// Changes when a feed's price may be trusted. Signer: risk authority.
pub fn update_feed(
    addresses: &ExchangeAddresses,
    risk_authority: &Pubkey,
    index: u8,
    parameters: FeedParameters,
) -> Instruction {
    build(
        accounts::UpdateFeed {
            exchange: addresses.exchange,
            risk_authority: *risk_authority,
        },
        instruction::UpdateFeed { index, parameters },
    )
}

/// Changes how a market trades. Signer: risk authority.
pub fn update_market(
    addresses: &ExchangeAddresses,
    risk_authority: &Pubkey,
    terms: &MarketTerms,
    parameters: MarketParameters,
) -> Instruction {
    build(
        accounts::UpdateMarket {
            exchange: addresses.exchange,
            market: addresses.market(terms),
            risk_authority: *risk_authority,
        },
        instruction::UpdateMarket { parameters },
    )
}

/// Pauses instructions, one bit of [`ballast_state::Pausable`] each, for so many seconds. Signer: admin or guardian.
pub fn set_pause(
    addresses: &ExchangeAddresses,
    authority: &Pubkey,
    instructions: u64,
    seconds: u64,
) -> Instruction {
    build(
        accounts::SetPause {
            exchange: addresses.exchange,
            authority: *authority,
        },
        instruction::SetPause {
            instructions,
            seconds,
        },
    )
}

/// Proposes a new authority. Signer: admin.
pub fn propose_authority(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    role: Role,
    proposed: &Pubkey,
) -> Instruction {
    build(
        accounts::ProposeAuthority {
            exchange: addresses.exchange,
            admin: *admin,
        },
        instruction::ProposeAuthority {
            role,
            proposed: *proposed,
        },
    )
}

/// Takes an authority over. Signer: who was proposed.
pub fn accept_authority(
    addresses: &ExchangeAddresses,
    proposed: &Pubkey,
    role: Role,
) -> Instruction {
    build(
        accounts::AcceptAuthority {
            exchange: addresses.exchange,
            proposed: *proposed,
        },
        instruction::AcceptAuthority { role },
    )
}

/// Takes fees out of a bank; `u64::MAX` is all of them. Signer: admin.
pub fn withdraw_fees(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    token: impl Into<Token>,
    destination: &Pubkey,
    amount: u64,
) -> Instruction {
    let Token { mint, program } = token.into();
    build(
        accounts::WithdrawFees {
            exchange: addresses.exchange,
            bank: addresses.bank(&mint),
            vault: addresses.vault(&mint),
            mint,
            destination: *destination,
            admin: *admin,
            token_program: program,
        },
        instruction::WithdrawFees { amount },
    )
}

/// Brings an asset's interest up to now; must stand before whatever changes its deposits or loans. No signer.
pub fn accrue_interest(addresses: &ExchangeAddresses, mint: &Pubkey) -> Instruction {
    build(
        accounts::AccrueInterest {
            exchange: addresses.exchange,
            board: addresses.board,
            bank: addresses.bank(mint),
            insurance_fund: addresses.insurance_fund(),
        },
        instruction::AccrueInterest {},
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

/// Lists an option series on the grid. Signer: creator, who pays the rent.
pub fn list_series(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    creator: &Pubkey,
) -> Instruction {
    build(
        accounts::ListSeries {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
            creator: *creator,
            system_program: system_program::ID,
        },
        instruction::ListSeries {
            terms: (*terms).into(),
        },
    )
}

/// Posts a volatility surface. Signer: the underlying's surface authority.
pub fn post_surface(
    addresses: &ExchangeAddresses,
    authority: &Pubkey,
    args: SurfaceArgs,
) -> Instruction {
    build(
        accounts::PostSurface {
            exchange: addresses.exchange,
            board: addresses.board,
            authority: *authority,
        },
        instruction::PostSurface { args },
    )
}

/// Sets the funding rate of the perpetual on an underlying. No signer.
pub fn update_funding(addresses: &ExchangeAddresses, underlying: u8) -> Instruction {
    build(
        accounts::UpdateFunding {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(&MarketTerms::perpetual(underlying)),
        },
        instruction::UpdateFunding {},
    )
}

/// Removes an order that cannot trade any more. No signer.
pub fn prune_order(
    addresses: &ExchangeAddresses,
    margin_account: &Pubkey,
    order_id: u64,
) -> Instruction {
    build(
        accounts::PruneOrder {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
        },
        instruction::PruneOrder { order_id },
    )
}

/// Gives an expired market its settlement price. No signer.
pub fn finalize_settlement(addresses: &ExchangeAddresses, terms: &MarketTerms) -> Instruction {
    build(
        accounts::FinalizeSettlement {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
        },
        instruction::FinalizeSettlement {},
    )
}

/// Turns an account's lots of a settled market into quote; [`settle_pnl`] after it moves that into cash. No signer.
pub fn settle_position(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    margin_account: &Pubkey,
) -> Instruction {
    build(
        accounts::SettlePosition {
            exchange: addresses.exchange,
            market: addresses.market(terms),
            margin_account: *margin_account,
        },
        instruction::SettlePosition {},
    )
}

/// Moves a market's fees to the bank of the quote asset. No signer.
pub fn collect_fees(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    quote_mint: &Pubkey,
) -> Instruction {
    build(
        accounts::CollectFees {
            exchange: addresses.exchange,
            market: addresses.market(terms),
            quote_bank: addresses.bank(quote_mint),
        },
        instruction::CollectFees {},
    )
}

/// Closes a settled market in which nothing is left; `creator` is who paid the rent and gets it back. No signer.
pub fn close_market(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    creator: &Pubkey,
    quote_mint: &Pubkey,
) -> Instruction {
    build(
        accounts::CloseMarket {
            exchange: addresses.exchange,
            market: addresses.market(terms),
            creator: *creator,
            quote_bank: addresses.bank(quote_mint),
        },
        instruction::CloseMarket {},
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
    token: impl Into<Token>,
    margin_account: &Pubkey,
    depositor: &Pubkey,
    source: &Pubkey,
    amount: u64,
) -> Instruction {
    let Token { mint, program } = token.into();
    build(
        accounts::Deposit {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
            bank: addresses.bank(&mint),
            vault: addresses.vault(&mint),
            mint,
            source: *source,
            depositor: *depositor,
            token_program: program,
        },
        instruction::Deposit { amount },
    )
}

/// Withdraws tokens to `destination`; `u64::MAX` is the whole deposit. Signer: owner.
pub fn withdraw(
    addresses: &ExchangeAddresses,
    token: impl Into<Token>,
    margin_account: &Pubkey,
    owner: &Pubkey,
    destination: &Pubkey,
    amount: u64,
    allow_borrow: bool,
) -> Instruction {
    let Token { mint, program } = token.into();
    build(
        accounts::Withdraw {
            exchange: addresses.exchange,
            board: addresses.board,
            margin_account: *margin_account,
            bank: addresses.bank(&mint),
            vault: addresses.vault(&mint),
            mint,
            destination: *destination,
            owner: *owner,
            token_program: program,
        },
        instruction::Withdraw {
            amount,
            allow_borrow,
        },
    )
}

/// Moves a deposit between two accounts of one owner; `u64::MAX` is all of it. Signer: owner.
pub fn transfer(
    addresses: &ExchangeAddresses,
    mint: &Pubkey,
    from: &Pubkey,
    to: &Pubkey,
    owner: &Pubkey,
    amount: u64,
) -> Instruction {
    build(
        accounts::Transfer {
            exchange: addresses.exchange,
            board: addresses.board,
            from: *from,
            to: *to,
            bank: addresses.bank(mint),
            owner: *owner,
        },
        instruction::Transfer { amount },
    )
}

/// Lets another key trade for an account; the default key takes that back. Signer: owner.
pub fn set_delegate(margin_account: &Pubkey, owner: &Pubkey, delegate: &Pubkey) -> Instruction {
    build(
        accounts::SetDelegate {
            margin_account: *margin_account,
            owner: *owner,
        },
        instruction::SetDelegate {
            delegate: *delegate,
        },
    )
}

/// Wraps SOL: moves lamports to the owner's wrapped-SOL account, which is created when it is missing. Signer: owner.
pub fn wrap_sol(owner: &Pubkey, lamports: u64) -> Vec<Instruction> {
    let mint = token::spl_token::native_mint::ID;
    let wrapped = anchor_spl::associated_token::get_associated_token_address(owner, &mint);
    vec![
        anchor_spl::associated_token::spl_associated_token_account::instruction::create_associated_token_account_idempotent(
            owner, owner, &mint, &token::ID,
        ),
        system_instruction::transfer(owner, &wrapped, lamports),
        token::spl_token::instruction::sync_native(&token::ID, &wrapped)
            .expect("the program is SPL Token"),
    ]
}

/// Closes the owner's wrapped-SOL account: all its SOL goes back to the owner. Signer: owner.
pub fn unwrap_sol(owner: &Pubkey) -> Instruction {
    let mint = token::spl_token::native_mint::ID;
    let wrapped = anchor_spl::associated_token::get_associated_token_address(owner, &mint);
    token::spl_token::instruction::close_account(&token::ID, &wrapped, owner, owner, &[])
        .expect("the program is SPL Token")
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

/// Takes all resting orders back that fit a filter. Signer: owner or delegate.
pub fn cancel_all(margin_account: &Pubkey, trader: &Pubkey, filter: OrderFilter) -> Instruction {
    build(
        accounts::CancelAll {
            margin_account: *margin_account,
            trader: *trader,
        },
        instruction::CancelAll { filter },
    )
}

/// Trades with makers' resting orders, each given by the margin account and the number of the order, in this sequence. Signer: owner or
/// delegate of `margin_account`.
pub fn place_and_fill(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    margin_account: &Pubkey,
    trader: &Pubkey,
    args: OrderArgs,
    makers: &[(Pubkey, u64)],
) -> Instruction {
    let (keys, maker_orders): (Vec<Pubkey>, Vec<u64>) = makers.iter().copied().unzip();
    let place = build(
        accounts::PlaceAndFill {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
            margin_account: *margin_account,
            trader: *trader,
        },
        instruction::PlaceAndFill { args, maker_orders },
    );
    with_remaining(place, &keys, true)
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

/// Takes a slice of a flagged account. Needs [`accrue_interest`] of the quote asset before it, and of the banks among `netting`. Signer: owner or
/// delegate of `liquidator`. `netting` are the banks and markets in
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

/// Closes lots of an insolvent account against a counterparty's. No signer.
pub fn auto_deleverage(
    addresses: &ExchangeAddresses,
    terms: &MarketTerms,
    margin_account: &Pubkey,
    counterparty: &Pubkey,
    lots_max: u64,
) -> Instruction {
    build(
        accounts::AutoDeleverage {
            exchange: addresses.exchange,
            board: addresses.board,
            market: addresses.market(terms),
            margin_account: *margin_account,
            counterparty: *counterparty,
            insurance_fund: addresses.insurance_fund(),
        },
        instruction::AutoDeleverage { lots_max },
    )
}

/// Writes off what an insolvent account owes of an asset. Needs [`accrue_interest`] before it. No signer.
pub fn resolve_bankruptcy(
    addresses: &ExchangeAddresses,
    mint: &Pubkey,
    margin_account: &Pubkey,
) -> Instruction {
    build(
        accounts::ResolveBankruptcy {
            exchange: addresses.exchange,
            board: addresses.board,
            bank: addresses.bank(mint),
            margin_account: *margin_account,
            insurance_fund: addresses.insurance_fund(),
        },
        instruction::ResolveBankruptcy {},
    )
}

/// Takes a deposit out of the insurance fund. Needs [`accrue_interest`] before it when the asset is lent. Signer: admin.
pub fn withdraw_insurance(
    addresses: &ExchangeAddresses,
    admin: &Pubkey,
    token: impl Into<Token>,
    destination: &Pubkey,
    amount: u64,
) -> Instruction {
    let Token { mint, program } = token.into();
    build(
        accounts::WithdrawInsurance {
            exchange: addresses.exchange,
            board: addresses.board,
            insurance_fund: addresses.insurance_fund(),
            bank: addresses.bank(&mint),
            vault: addresses.vault(&mint),
            mint,
            destination: *destination,
            admin: *admin,
            token_program: program,
        },
        instruction::WithdrawInsurance { amount },
    )
}
