/** A market as this page shows it: its terms on chain, its mark, its rules, where it is in its life. */
import { getExchangeDecoder } from "@/client";
import { useMemo } from "react";
import { isOption, MarketStatus, termsKey } from "@/chain/layout";
import type { ListedMarket } from "@/chain/mirror";
import type { PositionFigures, QuoteFigures, Venue } from "@/engine/types";
import { marketName } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import {
  useAssessment,
  useLive,
  useMarkets,
  useNow,
  useRisk,
  useVenue,
  useVersion,
} from "@/state/live";
import { phaseOf, type Phase, type Rules } from "./ticket";

export interface MarketView {
  key: string;
  name: string;
  venue: Venue;
  market: ListedMarket;
  /** Nothing while the underlying has no price. */
  quote: QuoteFigures | null;
  rules: Rules | null;
  phase: Phase;
}

/** How often a market is looked at for having expired. */
const PHASE_MS = 5_000;

/** The perpetuals and futures that are listed. */
export function useMarketViews(): MarketView[] {
  const venue = useVenue();
  const all = useMarkets();
  const markets = useMemo(() => all.filter(({ terms }) => !isOption(terms)), [all]);
  const quotes = useRisk((risk) => risk.quotes(markets.map(({ terms }) => terms)), [markets]);
  const now = useNow(PHASE_MS);
  return useMemo(
    () =>
      markets.map((market, index) => {
        const { terms } = market;
        const quote = quotes[index]?.figures ?? null;
        const fees = venue.fees[terms.kind];
        return {
          key: termsKey(terms),
          name: marketName(venue, terms),
          venue,
          market,
          quote,
          phase: phaseOf(market.status, terms.expiry, now),
          rules: quote && {
            terms,
            tick: market.tickSize,
            minimum: market.orderMinimumLots,
            bandLow: quote.bandLow,
            bandHigh: quote.bandHigh,
            reducesOnly: market.status === MarketStatus.ReduceOnly,
            takerQ32: fees.takerQ32,
            makerQ32: fees.makerQ32,
          },
        };
      }),
    [markets, quotes, venue, now],
  );
}

/** The selected account's position in a market; nothing without one. */
export function usePosition(key: string): PositionFigures | null {
  const { selected } = useAccounts();
  const assessment = useAssessment(selected);
  return assessment?.positions.find(({ terms }) => termsKey(terms) === key) ?? null;
}

/** Shortest time between two updates of a perpetual's funding rate, seconds. */
export function useFundingInterval(underlying: number): number | null {
  const { mirror } = useLive();
  useVersion("exchange");
  const { exchange } = mirror;
  return useMemo(() => {
    const listed = exchange && getExchangeDecoder().decode(exchange).underlyings[underlying];
    return listed ? Number(listed.fundingIntervalS) : null;
  }, [exchange, underlying]);
}

export const PHASE_WORDS: Record<Phase, string> = {
  active: "Open",
  reduceOnly: "Reduce only",
  settling: "Settling",
  closed: "Settled",
};
