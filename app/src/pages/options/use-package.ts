/** What the engine says about a package: its payoff, and what it does to the account. */
import { useMemo, useState } from "react";
import type { Address } from "@solana/kit";
import { termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import { EngineError, Q32_ONE, toJson } from "@/engine/engine";
import type { Change, Package, QuoteFigures, Venue, WhatIfAnswer } from "@/engine/types";
import { attempt } from "@/state/attempt";
import { useLive, useRisk } from "@/state/live";
import { useRepeated } from "@/state/repeat";
import { engineWords, type Words } from "@/transactions/words";
import { largest } from "./largest";
import {
  bookPrice,
  engineLegs,
  fill,
  limitOf,
  restingOf,
  sizeLeg,
  tradesOf,
  usable,
  type Fill,
  type Leg,
  type SizedLeg,
} from "./legs";
import { payoffOf, rangeOf, type Payoff, type Range } from "./payoff";
import { useBooks } from "./use-chain";

/** Trade at once what the book has, or rest what it does not have. */
export type Mode = "now" | "rest";

/** A leg with all that is known about it. */
export interface Checked {
  /** With the limit that it has now, when it follows the book. */
  leg: Leg;
  market: ListedMarket | undefined;
  figures: QuoteFigures | null;
  /** Nothing while it is not complete. */
  sized: SizedLeg | null;
  fill: Fill | null;
  /** Why it is not. */
  problem: string | null;
}

/** The engine's answer about a complete package. */
export interface Answer {
  package: Package;
  /** What the options cost, negative when they pay, quote units. */
  premium: bigint;
  range: Range;
  payoff: Payoff;
  whatIf: WhatIfAnswer;
}

export interface PackageState {
  legs: Checked[];
  /** Complete legs with what the books give; nothing until all are complete. */
  fills: Fill[] | null;
  changes: Change[];
  answer: Answer | null;
  /** Why there is no answer. */
  failure: Words | null;
}

const NO_CHANGES: Change[] = [];

/** The package of so many lots per leg and ratio, nothing while that is not known. */
export function usePackage(
  venue: Venue,
  underlying: number,
  account: Address | null,
  owner: Address | null,
  typed: readonly Leg[],
  lots: bigint | null,
  mode: Mode,
): PackageState {
  const { mirror } = useLive();
  const keys = typed.map(({ terms }) => termsKey(terms)).join(" ");
  const quotes = useRisk((risk) => risk.quotes(typed.map(({ terms }) => terms)), [keys]);
  const whole = useBooks(keys);
  const checked = useMemo(() => {
    const places = typed.map(({ terms }, index) => ({
      terms,
      market: mirror.markets.get(termsKey(terms)),
      figures: quotes[index]?.figures ?? null,
    }));
    const books = usable(whole, places);
    return typed.map<Checked>((asTyped, index) => {
      const { terms, side, ratio, followsBook } = asTyped;
      const key = termsKey(terms);
      const market = mirror.markets.get(key);
      const figures = quotes[index]?.figures ?? null;
      const size = ratio * (lots ?? 1n);
      const price = bookPrice(books.get(key), side, size, owner, typed.length, market, figures);
      const leg = followsBook ? { ...asTyped, limit: limitOf(venue, terms, price) } : asTyped;
      const found = sizeLeg(venue, leg, market, figures, lots ?? 1n);
      const common = { leg, market, figures };
      if (typeof found === "string") {
        return { ...common, sized: null, fill: null, problem: found };
      }
      const [filled = null] = fill([found], books, owner, typed.length);
      return { ...common, sized: found, fill: filled, problem: null };
    });
  }, [typed, quotes, whole, owner, venue, lots, mirror]);
  const fills = useMemo(() => {
    const complete = checked.flatMap((leg) => leg.fill ?? []);
    return lots !== null && lots > 0n && complete.length > 0 && complete.length === checked.length
      ? complete
      : null;
  }, [checked, lots]);
  const changes = useMemo(
    () => (!fills ? NO_CHANGES : mode === "rest" ? restingOf(fills) : tradesOf(fills)),
    [fills, mode],
  );
  const { answer, failure } = useRisk(
    (risk) => {
      const markQ32 = risk.venue().underlyings[underlying]?.markQ32 ?? null;
      if (!fills || markQ32 === null) return { answer: null, failure: null };
      try {
        const range = rangeOf(markQ32, fills);
        const legs = engineLegs(fills);
        const found = risk.legs(legs, underlying, range.factorsQ32);
        const options = legs.filter(({ terms }) => terms.strike > 0n);
        const known = account && mirror.accounts.has(account) ? account : null;
        const answer: Answer = {
          package: found,
          premium: risk.legs(options, underlying, [Q32_ONE]).cost,
          range,
          payoff: payoffOf(found.points, fills),
          whatIf: risk.whatIf(known, changes),
        };
        return { answer, failure: null };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { answer: null, failure: engineWords(error.name, error.message) };
      }
    },
    [fills, changes, account, underlying],
  );
  return { legs: checked, fills, changes, answer, failure };
}

/** The largest package, in lots per ratio of 1. */
export interface Most {
  lots: bigint;
  /** What stands against one more. */
  limit: "book" | "margin";
}

const PACE = { soonMs: 300, calmMs: 5_000 };
/** No package is larger. */
const LOTS_MAX = 1n << 40n;

/** The largest allowed package, soon after a change and again every few seconds. Of the same legs the last answer stands until the next one. */
export function useMost(
  account: Address | null,
  owner: Address | null,
  legs: readonly Checked[],
  mode: Mode,
): Most | null {
  const { risk, mirror } = useLive();
  const keys = legs.map(({ leg }) => termsKey(leg.terms)).join(" ");
  const whole = useBooks(keys);
  // What neither size nor prices change.
  const place = toJson([
    account,
    owner,
    mode,
    legs.map(({ leg: { terms, side, ratio } }) => [termsKey(terms), side, ratio]),
  ]);
  const ratios = legs.flatMap(({ leg, sized }) => (sized ? { ...sized, lots: leg.ratio } : []));
  const isComplete = ratios.length > 0 && ratios.length === legs.length;
  const [found, setFound] = useState<{ place: string; most: Most | null }>({ place, most: null });
  useRepeated(
    () => {
      if (!isComplete || !account || !mirror.accounts.has(account)) return;
      const books = usable(
        whole,
        legs.map(({ leg: { terms }, market, figures }) => ({ terms, market, figures })),
      );
      const fillsOf = (lots: bigint) =>
        fill(
          ratios.map((leg) => ({ ...leg, lots: leg.lots * lots })),
          books,
          owner,
        );
      const isInBook = (lots: bigint) => fillsOf(lots).every((leg) => leg.match.lots === leg.lots);
      const isAffordable = (lots: bigint) => {
        const fills = fillsOf(lots);
        return risk.whatIf(account, mode === "rest" ? restingOf(fills) : tradesOf(fills)).allowed;
      };
      const { value: most } = attempt((): Most => {
        const inBook = mode === "now" ? largest(isInBook, LOTS_MAX) : LOTS_MAX;
        const lots = largest(isAffordable, inBook);
        return { lots, limit: lots === inBook ? "book" : "margin" };
      });
      setFound({ place, most });
    },
    [risk, mirror, place],
    [toJson(ratios)],
    PACE,
  );
  return isComplete && found.place === place ? found.most : null;
}
