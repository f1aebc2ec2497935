/** What a transaction is to trade, and what it would trade by what its simulation has logged. */
import type { Address } from "@solana/kit";
import { orderKey } from "@/chain/book";
import { readEvents } from "@/chain/history";
import type { Words } from "./words";

/** Lots that are to trade at once in a market; every market stands in a transaction once. */
export interface PlannedLeg {
  market: Address;
  name: string;
  lots: bigint;
  /** Lots as people read them. */
  write: (lots: bigint) => string;
}

/** What an account is to trade. With several legs less than all of it is not sent: one leg may be what makes another affordable. */
export interface Planned {
  taker: Address;
  legs: readonly PlannedLeg[];
}

/** A leg that would trade less than planned. */
export interface ShortLeg extends PlannedLeg {
  traded: bigint;
}

/** What would trade. */
export interface Traded {
  short: ShortLeg[];
  /** Orders of makers that were passed over, by {@link orderKey}. */
  passed: string[];
  /** The logs are cut off: more may trade. */
  truncated: boolean;
}

/** Compares the logs of a simulation with what is planned. */
export function tradedOf({ taker, legs }: Planned, logs: readonly string[]): Traded {
  const { events, truncated } = readEvents(logs);
  const lots = new Map<Address, bigint>();
  const passed: string[] = [];
  for (const { name, data } of events) {
    if (name === "orderFilled" && data.taker === taker) {
      lots.set(data.market, (lots.get(data.market) ?? 0n) + data.lots);
    } else if (name === "makerSkipped") {
      passed.push(orderKey(data.maker, data.orderId));
    }
  }
  const short = legs
    .map((leg) => ({ ...leg, traded: lots.get(leg.market) ?? 0n }))
    .filter(({ lots: wanted, traded }) => traded < wanted);
  return { short, passed, truncated };
}

/** Why a package is not sent. */
export function shortWords({ short, truncated }: Traded): Words {
  if (truncated) {
    return {
      what: "It cannot be checked that every leg would trade whole. Nothing was sent.",
      advice: "Trade fewer legs, or with fewer counterparties, at once.",
    };
  }
  const rows = short.map(
    ({ name, lots, traded, write }) => `${name}: ${write(traded)} of ${write(lots)}`,
  );
  return {
    what: `Not every leg would trade whole now (${rows.join("; ")}). Nothing was sent.`,
    advice: "Reduce the size, or move the limits.",
  };
}
