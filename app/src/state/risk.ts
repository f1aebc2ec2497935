/** The margin engine over the mirror's accounts: loads what has changed, then asks. */
import type { Address } from "@solana/kit";
import type { Mirror } from "@/chain/mirror";
import type { Engine } from "@/engine/engine";
import type {
  Assessment,
  Change,
  CurvePoint,
  Grid,
  LargestAnswer,
  Leg,
  LiquidationMarksAnswer,
  Package,
  Purpose,
  Quote,
  Terms,
  Venue,
  WhatIfAnswer,
} from "@/engine/types";

/** An account by its address; `null` is an empty one. */
export type AccountKey = Address | null;

export class Risk {
  private readonly engine: Engine;
  private readonly mirror: Mirror;
  private loaded: {
    exchange: Uint8Array | null;
    board: Uint8Array | null;
    account: Uint8Array | null;
  } = {
    exchange: null,
    board: null,
    account: null,
  };
  private readonly banks = new Map<number, Uint8Array>();
  /** Grows with every bank that is loaded. */
  private banksLoaded = 0;
  /** The last answer about the venue, and what it was worked out from. */
  private known: {
    venue: Venue;
    now: number;
    banks: number;
    exchange: Uint8Array | null;
    board: Uint8Array | null;
  } | null = null;

  constructor(engine: Engine, mirror: Mirror) {
    this.engine = engine;
    this.mirror = mirror;
  }

  /** Whether exchange and board have been read. */
  get isReady(): boolean {
    return this.mirror.exchange !== null && this.mirror.board !== null;
  }

  private prepare(key: AccountKey): Engine {
    const { exchange, board, accounts, banks } = this.mirror;
    const account = (key && accounts.get(key)) ?? null;
    if (exchange && exchange !== this.loaded.exchange) this.engine.loadExchange(exchange);
    if (board && board !== this.loaded.board) this.engine.loadBoard(board);
    if (account !== this.loaded.account) this.engine.loadAccount(account);
    for (const [asset, bank] of banks) {
      if (this.banks.get(asset) !== bank.bytes) {
        this.engine.loadBank(bank.bytes);
        this.banks.set(asset, bank.bytes);
        this.banksLoaded += 1;
      }
    }
    this.loaded = { exchange, board, account };
    return this.engine;
  }

  private get now() {
    return this.mirror.now();
  }

  /** The same object until something of it changes: many ask. */
  venue(): Venue {
    const engine = this.prepare(null);
    const { now } = this;
    const banks = this.banksLoaded;
    const { exchange, board } = this.loaded;
    const known = this.known;
    if (
      known &&
      known.now === now &&
      known.banks === banks &&
      known.exchange === exchange &&
      known.board === board
    ) {
      return known.venue;
    }
    const venue = engine.venue({ now });
    this.known = { venue, now, banks, exchange, board };
    return venue;
  }

  assess(key: AccountKey, purpose: Purpose = "addRisk"): Assessment {
    return this.prepare(key).assess({ now: this.now, purpose });
  }

  whatIf(key: AccountKey, changes: Change[], purpose: Purpose = "addRisk"): WhatIfAnswer {
    return this.prepare(key).whatIf({ now: this.now, purpose, changes });
  }

  liquidationMarks(
    key: AccountKey,
    underlying: number,
    changes: Change[] = [],
  ): LiquidationMarksAnswer {
    return this.prepare(key).liquidationMarks({ now: this.now, underlying, changes });
  }

  quotes(markets: Terms[]): Quote[] {
    return this.prepare(null).quotes({ now: this.now, markets });
  }

  curve(
    key: AccountKey,
    request: {
      changes: Change[];
      underlying: number;
      factorsQ32: bigint[];
      seconds?: number;
      volatilityFactorQ32?: bigint;
      atExpiry?: boolean;
    },
  ): CurvePoint[] {
    return this.prepare(key).curve({ now: this.now, ...request });
  }

  grid(
    key: AccountKey,
    request: {
      changes: Change[];
      underlying: number;
      priceFactorsQ32: bigint[];
      volatilityFactorsQ32: bigint[];
      seconds?: number;
    },
  ): Grid {
    return this.prepare(key).grid({ now: this.now, ...request });
  }

  legs(legs: Leg[], underlying: number, factorsQ32: bigint[]): Package {
    return this.prepare(null).legs({ now: this.now, legs, underlying, factorsQ32 });
  }

  largest(key: AccountKey, template: Change, changes: Change[] = []): LargestAnswer {
    return this.prepare(key).largest({ now: this.now, changes, template });
  }
}
