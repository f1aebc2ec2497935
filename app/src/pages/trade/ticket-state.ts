/** What has been entered into the ticket. Others fill it: the book, a position. */
import { useMemo, useState } from "react";
import { Side } from "@/chain/layout";
import { QUOTE_DECIMALS } from "@/format/format";
import { lotPrice, lotsToSize, sizeDecimals, sizeToLots, unitPrice } from "@/format/names";
import { amountFrom, NO_AMOUNT, type Amount } from "@/ui/field";
import type { MarketView } from "./view";
import { closing, type Draft, type OrderSide, type TicketType } from "./ticket";

interface Entered {
  side: OrderSide;
  type: TicketType;
  /** Quote units per whole unit. */
  price: Amount;
  /** Base units of the underlying. */
  size: Amount;
  reduceOnly: boolean;
  /** 1e-4. */
  slippageBps: bigint;
}

const NOTHING: Entered = {
  side: Side.Bid,
  type: "limit",
  price: NO_AMOUNT,
  size: NO_AMOUNT,
  reduceOnly: false,
  slippageBps: 50n,
};

export interface Ticket extends Entered {
  change: (changes: Partial<Entered>) => void;
  /** Takes a price per lot. */
  takePrice: (perLot: bigint) => void;
  /** Takes a number of lots. */
  takeLots: (lots: bigint) => void;
  /** Fills in what closes a position of so many lots. */
  close: (held: bigint) => void;
}

/** `view` is of one market for as long as the component lives. */
export function useTicket({ venue, market }: MarketView): Ticket {
  const [entered, setEntered] = useState(NOTHING);
  const { underlying } = market.terms;
  return useMemo(() => {
    const change = (changes: Partial<Entered>) =>
      setEntered((before) => ({ ...before, ...changes }));
    const size = (lots: bigint) =>
      amountFrom(lotsToSize(venue, underlying, lots), sizeDecimals(venue, underlying));
    return {
      ...entered,
      change,
      takePrice: (perLot) =>
        setEntered((before) => ({
          ...before,
          type: before.type === "market" ? "limit" : before.type,
          price: amountFrom(unitPrice(venue, underlying, perLot), QUOTE_DECIMALS),
        })),
      takeLots: (lots) => change({ size: size(lots) }),
      close: (held) => {
        const { side, lots } = closing(held);
        change({ side, type: "market", size: size(lots), reduceOnly: true });
      },
    };
  }, [entered, venue, underlying]);
}

/** The price per lot that was entered; nothing while it is none or off the tick. */
export function enteredPrice({ venue, market }: MarketView, { price }: Entered): bigint | null {
  if (price.value === null || price.value <= 0n) return null;
  const perLot = lotPrice(venue, market.terms.underlying, price.value);
  return perLot !== null && perLot % market.tickSize === 0n ? perLot : null;
}

/** The lots that were entered; nothing while they are no whole number. */
export function enteredLots({ venue, market }: MarketView, { size }: Entered): bigint | null {
  if (size.value === null || size.value <= 0n) return null;
  return sizeToLots(venue, market.terms.underlying, size.value);
}

/** The order of the ticket; one of 0 lots while there is no size. */
export function draftOf(view: MarketView, ticket: Entered): Draft {
  const { side, type, reduceOnly, slippageBps } = ticket;
  const price = type === "market" ? null : enteredPrice(view, ticket);
  return { side, type, price, lots: enteredLots(view, ticket) ?? 0n, reduceOnly, slippageBps };
}
