/** What a trader does, as instructions. Amounts are native units, prices quote units per lot. */
import {
  AccountRole,
  address,
  createNoopSigner,
  getStructEncoder,
  getU32Encoder,
  getU64Encoder,
  type Address,
  type Instruction,
  type TransactionSigner,
} from "@solana/kit";
import {
  fetchMaybeToken,
  findAssociatedTokenPda,
  getCloseAccountInstruction as getCloseTokenAccountInstruction,
  getCreateAssociatedTokenIdempotentInstruction,
  getSyncNativeInstruction,
} from "@solana-program/token";
import {
  findVaultPda,
  getCancelAllInstruction,
  getCancelOrderInstruction,
  getCloseAccountInstruction,
  getDepositInstruction,
  getListSeriesInstruction,
  getOpenAccountInstruction,
  getPlaceAndFillInstruction,
  getPlaceOrderInstruction,
  getSetDelegateInstruction,
  getSettlePnlInstruction,
  getSettlePositionInstruction,
  getTransferInstruction,
  getWithdrawInstruction,
  OrderType,
} from "@/client";
import { inTime } from "@/chain/in-time";
import type { Resting } from "@/chain/layout";
import { chainTerms, findMarket, QUOTE_ASSET } from "@/chain/layout";
import type { ListedBank, Mirror } from "@/chain/mirror";
import type { Terms } from "@/engine/types";

/** All of a deposit. */
export const ALL = (1n << 64n) - 1n;
const SYSTEM_PROGRAM = address("11111111111111111111111111111111");
/** No delegate. */
const NOBODY = SYSTEM_PROGRAM;
/** The mint of wrapped SOL: its tokens are made of lamports on the way in, and turned back on the way out. */
export const NATIVE_MINT = address("So11111111111111111111111111111111111111112");
/** Lamports that stay in a wallet whose SOL is deposited: for fees, and for the rent of accounts. */
export const NATIVE_RESERVE = 20_000_000n;

/** What a deposit of an asset can take from a wallet with so many tokens of it and so many lamports. */
export function depositable(mint: Address, tokens: bigint, lamports: bigint): bigint {
  if (mint !== NATIVE_MINT) return tokens;
  return tokens + (lamports > NATIVE_RESERVE ? lamports - NATIVE_RESERVE : 0n);
}

/** The system program's transfer: a 4-byte index of 2, then lamports. */
const lamportTransfer = getStructEncoder([
  ["instruction", getU32Encoder()],
  ["lamports", getU64Encoder()],
]);

function transferLamports(from: TransactionSigner, to: Address, lamports: bigint): Instruction {
  return {
    programAddress: SYSTEM_PROGRAM,
    accounts: [
      { address: from.address, role: AccountRole.WRITABLE_SIGNER },
      { address: to, role: AccountRole.WRITABLE },
    ],
    data: lamportTransfer.encode({ instruction: 2, lamports }),
  };
}

/** An order as the ticket has it. */
export interface OrderRequest {
  terms: Terms;
  /** 0 buys, 1 sells. */
  side: 0 | 1;
  price: bigint;
  lots: bigint;
  reduceOnly: boolean;
  type: "limit" | "postOnly" | "immediateOrCancel";
  /** Unix seconds; 0 for never. */
  expiresAt?: number;
  /** Resting orders to trade with at once. */
  makers: readonly Pick<Resting, "account" | "id">[];
}

const TYPES = {
  limit: OrderType.Limit,
  postOnly: OrderType.PostOnly,
  immediateOrCancel: OrderType.ImmediateOrCancel,
} as const;

/** Builds the instructions of one wallet on one exchange. */
export class Actions {
  private readonly mirror: Mirror;
  private readonly signer: TransactionSigner;
  private readonly exchange: Address;

  constructor(mirror: Mirror, wallet: Address) {
    this.mirror = mirror;
    this.signer = createNoopSigner(wallet);
    this.exchange = mirror.network.exchange;
  }

  private get board(): Address {
    const { boardAddress } = this.mirror;
    if (!boardAddress) throw new Error("The exchange has not been read yet");
    return boardAddress;
  }

  private bank(asset: number): ListedBank {
    const bank = this.mirror.banks.get(asset);
    if (!bank) throw new Error(`The bank of asset ${asset} has not been read yet`);
    return bank;
  }

  /** Mint, token program, and the wallet's usual token account. */
  private async token(asset: number) {
    const { mint, tokenProgram, address: bank } = await this.tokenOf(asset);
    const [[vault], [wallet]] = await Promise.all([
      findVaultPda({ bank }),
      findAssociatedTokenPda({ owner: this.signer.address, mint, tokenProgram }),
    ]);
    return { mint, tokenProgram, bank, vault, wallet };
  }

  private readonly programs = new Map<Address, Address>();
  private async tokenOf(asset: number) {
    const { mint, address: bank } = this.bank(asset);
    let tokenProgram = this.programs.get(mint);
    if (!tokenProgram) {
      const { value } = await this.mirror.rpc
        .getAccountInfo(mint, { encoding: "base64" })
        .send(inTime());
      if (!value) throw new Error(`The mint ${mint} does not exist`);
      tokenProgram = value.owner;
      this.programs.set(mint, tokenProgram);
    }
    return { mint, address: bank, tokenProgram };
  }

  /** The wallet's token account of an asset. */
  async walletAccount(asset: number): Promise<Address> {
    return (await this.token(asset)).wallet;
  }

  openAccount(marginAccount: Address, subAccount: number): Instruction {
    return getOpenAccountInstruction({
      exchange: this.exchange,
      marginAccount,
      owner: this.signer,
      payer: this.signer,
      subAccount,
    });
  }

  closeAccount(marginAccount: Address): Instruction {
    return getCloseAccountInstruction({ marginAccount, owner: this.signer });
  }

  setDelegate(marginAccount: Address, delegate: Address | null): Instruction {
    return getSetDelegateInstruction({
      marginAccount,
      owner: this.signer,
      delegate: delegate ?? NOBODY,
    });
  }

  private createTokenAccount(ata: Address, mint: Address, tokenProgram: Address): Instruction {
    return getCreateAssociatedTokenIdempotentInstruction({
      payer: this.signer,
      ata,
      owner: this.signer.address,
      mint,
      tokenProgram,
    });
  }

  /** Turns lamports of the wallet into wrapped SOL, as far as its token account has less than the amount. */
  private async wrap(account: Address, tokenProgram: Address, amount: bigint) {
    const found = await fetchMaybeToken(this.mirror.rpc, account, {
      commitment: "confirmed",
      ...inTime(),
    });
    const missing = amount - (found.exists ? found.data.amount : 0n);
    if (missing <= 0n) return [];
    return [
      this.createTokenAccount(account, NATIVE_MINT, tokenProgram),
      transferLamports(this.signer, account, missing),
      getSyncNativeInstruction({ account }, { programAddress: tokenProgram }),
    ];
  }

  /** Deposits; what is owed of the asset is repaid first. */
  async deposit(marginAccount: Address, asset: number, amount: bigint): Promise<Instruction[]> {
    const { mint, tokenProgram, bank, vault, wallet } = await this.token(asset);
    return [
      ...(mint === NATIVE_MINT ? await this.wrap(wallet, tokenProgram, amount) : []),
      getDepositInstruction({
        exchange: this.exchange,
        board: this.board,
        marginAccount,
        bank,
        vault,
        mint,
        source: wallet,
        depositor: this.signer,
        tokenProgram,
        amount,
      }),
    ];
  }

  /** Withdraws to the wallet, SOL unwrapped; {@link ALL} is the whole deposit. Borrows what is missing only when that is allowed. */
  async withdraw(
    marginAccount: Address,
    asset: number,
    amount: bigint,
    allowBorrow: boolean,
  ): Promise<Instruction[]> {
    const { mint, tokenProgram, bank, vault, wallet } = await this.token(asset);
    return [
      this.createTokenAccount(wallet, mint, tokenProgram),
      getWithdrawInstruction({
        exchange: this.exchange,
        board: this.board,
        marginAccount,
        bank,
        vault,
        mint,
        destination: wallet,
        owner: this.signer,
        tokenProgram,
        amount,
        allowBorrow,
      }),
      ...(mint === NATIVE_MINT
        ? [
            getCloseTokenAccountInstruction(
              { account: wallet, destination: this.signer.address, owner: this.signer },
              { programAddress: tokenProgram },
            ),
          ]
        : []),
    ];
  }

  /** Moves a deposit between two accounts of the wallet. */
  transfer(from: Address, to: Address, asset: number, amount: bigint): Instruction {
    return getTransferInstruction({
      exchange: this.exchange,
      board: this.board,
      from,
      to,
      bank: this.bank(asset).address,
      owner: this.signer,
      amount,
    });
  }

  /** Rests an order, or trades with the makers at once and rests what is left of a limit order. */
  async order(marginAccount: Address, request: OrderRequest): Promise<Instruction> {
    const { terms, side, price, lots, reduceOnly, type, expiresAt = 0, makers } = request;
    const market = await findMarket(this.exchange, terms);
    const accounts = {
      exchange: this.exchange,
      board: this.board,
      market,
      marginAccount,
      trader: this.signer,
    };
    const args = { side, price, lots, clientId: 0n, expiresAt, reduceOnly, orderType: TYPES[type] };
    if (makers.length === 0 && type !== "immediateOrCancel") {
      return getPlaceOrderInstruction({ ...accounts, args });
    }
    const place = getPlaceAndFillInstruction({
      ...accounts,
      args,
      makerOrders: makers.map(({ id }) => id),
    });
    return {
      ...place,
      accounts: [
        ...place.accounts,
        ...makers.map(({ account }) => ({ address: account, role: AccountRole.WRITABLE })),
      ],
    };
  }

  cancelOrder(marginAccount: Address, orderId: bigint): Instruction {
    return getCancelOrderInstruction({ marginAccount, trader: this.signer, orderId });
  }

  /** Cancels all orders, or those of one market. */
  cancelAll(marginAccount: Address, terms: Terms | null): Instruction {
    return getCancelAllInstruction({
      marginAccount,
      trader: this.signer,
      terms: terms && chainTerms(terms),
      clientId: null,
    });
  }

  /** Moves profit or loss into cash, as far as the market's pool allows. */
  async settlePnl(marginAccount: Address, terms: Terms): Promise<Instruction> {
    return getSettlePnlInstruction({
      exchange: this.exchange,
      board: this.board,
      market: await findMarket(this.exchange, terms),
      quoteBank: this.bank(QUOTE_ASSET).address,
      marginAccount,
    });
  }

  /** Turns the lots of a settled market into quote. */
  async settlePosition(marginAccount: Address, terms: Terms): Promise<Instruction> {
    return getSettlePositionInstruction({
      exchange: this.exchange,
      market: await findMarket(this.exchange, terms),
      marginAccount,
    });
  }

  /** Lists an option series on the grid. */
  async listSeries(terms: Terms): Promise<Instruction> {
    return getListSeriesInstruction({
      exchange: this.exchange,
      board: this.board,
      market: await findMarket(this.exchange, terms),
      creator: this.signer,
      terms: chainTerms(terms),
    });
  }
}
