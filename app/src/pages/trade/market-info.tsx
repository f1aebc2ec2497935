/** A market's rules and the state of its price. */
import type { ReactNode } from "react";
import { day, percent, price, span, time, usd } from "@/format/format";
import { formatLots, formatTick, underlyingName, unitPrice, unitPriceQ32 } from "@/format/names";
import { useNow } from "@/state/live";
import { Figure, Figures } from "@/ui/card";
import { Badge } from "@/ui/feedback";
import { periodText, RateText } from "./market-select";
import { PriceBadge } from "./market-bar";
import { useFundingInterval, type MarketView } from "./view";

export function MarketInfo({ view }: { view: MarketView }) {
  const { venue, market, rules, quote, name } = view;
  const { terms } = market;
  const { underlying } = terms;
  const unit = underlyingName(venue, underlying);
  const size = (lots: bigint) => `${formatLots(venue, underlying, lots)} ${unit}`;
  const at = (perLot: bigint) => price(unitPrice(venue, underlying, perLot));
  const feed = venue.feeds[venue.underlyings[underlying]?.feed ?? -1];
  const fees = venue.fees[terms.kind];
  const band = venue.underlyings[underlying]?.priceBandQ32;
  return (
    <Figures className="grid-cols-2 p-4 sm:grid-cols-3">
      {terms.kind === "perpetual" ? (
        <Funding view={view} />
      ) : (
        <>
          <Figure name="Expiry" title={time(terms.expiry)}>
            {day(terms.expiry)}, {new Date(terms.expiry * 1000).toISOString().slice(11, 16)} UTC
          </Figure>
          <Figure name="Basis">
            <RateText view={view} />
          </Figure>
        </>
      )}
      <Figure name="Tick">{formatTick(venue, underlying, market.tickSize)} USDC</Figure>
      <Figure name="Lot">{size(1n)}</Figure>
      <Figure name="Smallest order">{size(market.orderMinimumLots)}</Figure>
      <Figure name="Fees, maker / taker">
        {percent(fees.makerQ32, { digits: 3 })} / {percent(fees.takerQ32, { digits: 3 })}
      </Figure>
      <Figure name="Price band" title="Prices that an order may have">
        {rules ? `${at(rules.bandLow)} – ${at(rules.bandHigh)}` : "–"}
        {band !== undefined && ` (±${percent(band)})`}
      </Figure>
      <Figure name="Open interest / cap">
        {formatLots(venue, underlying, market.openInterestLots)} /{" "}
        {size(market.openInterestCapLots)}
        {market.openInterestLots >= market.openInterestCapLots && (
          <Badge tone="warn">At its cap</Badge>
        )}
      </Figure>
      <Figure name="Fees not collected yet">{usd(market.fees)}</Figure>
      <Figure name={`Index price${feed ? `, ${feed.name}` : ""}`}>
        {quote ? price(unitPriceQ32(venue, underlying, quote.underlyingMarkQ32)) : "–"}{" "}
        <PriceBadge view={view} />
      </Figure>
      <Figure name="Age of the price">
        {feed && feed.publishTime !== null ? (
          <Age since={feed.publishTime}>{` of at most ${span(feed.ageMax)}`}</Age>
        ) : (
          "never set"
        )}
      </Figure>
      <Figure name="Market account">
        <span className="block truncate text-xs" title={`${name}: ${market.address}`}>
          {market.address}
        </span>
      </Figure>
    </Figures>
  );
}

function Age({ since, children }: { since: number; children: ReactNode }) {
  const now = useNow();
  return (
    <>
      {span(now - since)}
      {children}
    </>
  );
}

function Funding({ view: { venue, market } }: { view: MarketView }) {
  const { underlying } = market.terms;
  const funding = venue.underlyings[underlying]?.funding;
  const interval = useFundingInterval(underlying);
  const now = useNow();
  if (!funding) return null;
  const { rateQ32, yearlyRateQ32, maximumQ32, period, updatedAt } = funding;
  const next = updatedAt === null || interval === null ? null : updatedAt + interval;
  const payer = rateQ32 > 0n ? "longs pay" : rateQ32 < 0n ? "shorts pay" : "nobody pays";
  return (
    <>
      <Figure name={`Funding per ${periodText(period)}`} title={`At most ${percent(maximumQ32)}`}>
        {percent(rateQ32, { digits: 4, sign: true })}, {payer}
      </Figure>
      <Figure name="Funding per year">{percent(yearlyRateQ32, { sign: true })}</Figure>
      <Figure name="Next update of funding" title="Anybody may update it from then on">
        {next === null ? "due now" : next > now ? `in ${span(next - now)}` : "due now"}
      </Figure>
    </>
  );
}
