/** Usual packages around the money, made of what is listed for an expiry. */
import { Side } from "@/chain/layout";
import type { Terms } from "@/engine/types";
import type { Direction } from "./legs";

/** Strikes in rising order, quote units per lot, and the hedge, if there is one. */
export interface Listing {
  underlying: number;
  expiry: number;
  calls: readonly bigint[];
  puts: readonly bigint[];
  perpetual: Terms | null;
  /** Mark of the underlying, quote units per lot. */
  money: bigint;
}

/** A leg of a preset, one package size each. */
export interface PresetLeg {
  terms: Terms;
  side: Direction;
}

export interface Preset {
  id: string;
  name: string;
  /** What it is for. */
  about: string;
  /** What must be listed. */
  needs: string;
  /** Nothing when that is not listed. */
  legs: (listing: Listing) => PresetLeg[] | null;
}

const distance = (a: bigint, b: bigint) => (a > b ? a - b : b - a);
const above = (strikes: readonly bigint[], bound: bigint) =>
  strikes.find((strike) => strike > bound);
const below = (strikes: readonly bigint[], bound: bigint) =>
  strikes.findLast((strike) => strike < bound);

/** The strike nearest to the money, the lower one of two. */
export function nearest(strikes: readonly bigint[], money: bigint): bigint | undefined {
  return strikes.reduce<bigint | undefined>(
    (best, strike) =>
      best === undefined || distance(strike, money) < distance(best, money) ? strike : best,
    undefined,
  );
}

const { Bid: BUY, Ask: SELL } = Side;

function leg(
  side: Direction,
  { underlying, expiry }: Listing,
  kind: "call" | "put",
  strike: bigint,
): PresetLeg {
  return { side, terms: { underlying, expiry, kind, strike } };
}

/** An option beside the money, or the nearest one when there is none. */
const callAbove = ({ calls, money }: Listing) => above(calls, money) ?? nearest(calls, money);
const putBelow = ({ puts, money }: Listing) => below(puts, money) ?? nearest(puts, money);

export const PRESETS: readonly Preset[] = [
  {
    id: "call-spread",
    name: "Call spread",
    about: "Gains when the price rises, up to the upper strike",
    needs: "two calls",
    legs: (listing) => {
      const { calls, money } = listing;
      const middle = nearest(calls, money);
      if (middle === undefined) return null;
      const upper = above(calls, middle);
      const [bought, sold] = upper === undefined ? [below(calls, middle), middle] : [middle, upper];
      if (bought === undefined) return null;
      return [leg(BUY, listing, "call", bought), leg(SELL, listing, "call", sold)];
    },
  },
  {
    id: "put-spread",
    name: "Put spread",
    about: "Gains when the price falls, down to the lower strike",
    needs: "two puts",
    legs: (listing) => {
      const { puts, money } = listing;
      const middle = nearest(puts, money);
      if (middle === undefined) return null;
      const lower = below(puts, middle);
      const [bought, sold] = lower === undefined ? [above(puts, middle), middle] : [middle, lower];
      if (bought === undefined) return null;
      return [leg(BUY, listing, "put", bought), leg(SELL, listing, "put", sold)];
    },
  },
  {
    id: "straddle",
    name: "Straddle",
    about: "Gains when the price moves far, either way",
    needs: "a call and a put of one strike",
    legs: (listing) => {
      const both = listing.calls.filter((strike) => listing.puts.includes(strike));
      const strike = nearest(both, listing.money);
      if (strike === undefined) return null;
      return [leg(BUY, listing, "call", strike), leg(BUY, listing, "put", strike)];
    },
  },
  {
    id: "covered-call",
    name: "Covered call",
    about: "Earns a premium for giving up gains above the strike",
    needs: "the perpetual and a call",
    legs: (listing) => {
      const strike = callAbove(listing);
      if (!listing.perpetual || strike === undefined) return null;
      return [{ side: BUY, terms: listing.perpetual }, leg(SELL, listing, "call", strike)];
    },
  },
  {
    id: "protective-put",
    name: "Protective put",
    about: "A long position that loses no more below the strike",
    needs: "the perpetual and a put",
    legs: (listing) => {
      const strike = putBelow(listing);
      if (!listing.perpetual || strike === undefined) return null;
      return [{ side: BUY, terms: listing.perpetual }, leg(BUY, listing, "put", strike)];
    },
  },
  {
    id: "collar",
    name: "Collar",
    about: "A long position between a floor and a ceiling",
    needs: "the perpetual, a put, and a call above it",
    legs: (listing) => {
      const [floor, ceiling] = [putBelow(listing), callAbove(listing)];
      if (!listing.perpetual || floor === undefined || ceiling === undefined) return null;
      if (floor >= ceiling) return null;
      return [
        { side: BUY, terms: listing.perpetual },
        leg(BUY, listing, "put", floor),
        leg(SELL, listing, "call", ceiling),
      ];
    },
  },
  {
    id: "iron-condor",
    name: "Iron condor",
    about: "Earns a premium while the price stays between the inner strikes",
    needs: "two puts below the money and two calls above it",
    legs: (listing) => {
      const { calls, puts, money } = listing;
      const innerPut = below(puts, money + 1n);
      const innerCall = innerPut === undefined ? undefined : above(calls, money);
      if (innerPut === undefined || innerCall === undefined) return null;
      const [outerPut, outerCall] = [below(puts, innerPut), above(calls, innerCall)];
      if (outerPut === undefined || outerCall === undefined) return null;
      return [
        leg(BUY, listing, "put", outerPut),
        leg(SELL, listing, "put", innerPut),
        leg(SELL, listing, "call", innerCall),
        leg(BUY, listing, "call", outerCall),
      ];
    },
  },
];
