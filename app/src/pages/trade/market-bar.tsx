/** The market that is traded, and its main figures in a line. */
import { useNow } from "@/state/live";
import { day, percent, price, span } from "@/format/format";
import { formatLots, underlyingName, unitPriceQ32 } from "@/format/names";
import { Figure } from "@/ui/card";
import { Badge } from "@/ui/feedback";
import { MarketSelect, MarkText, periodText, PhaseBadge, RateText } from "./market-select";
import type { MarketView } from "./view";

const VALIDITY = {
  fresh: null,
  wide: "Uncertain price",
  stale: "Stale price",
  never: "No price",
} as const;

/** How far the underlying's price may be trusted, when that is not fully. */
export function PriceBadge({ view: { venue, market, quote } }: { view: MarketView }) {
  const word = VALIDITY[quote?.validity ?? "never"];
  const feed = venue.feeds[venue.underlyings[market.terms.underlying]?.feed ?? -1];
  return (
    <>
      {word && <Badge tone="warn">{word}</Badge>}
      {feed?.divergent && <Badge tone="warn">Diverging prices</Badge>}
    </>
  );
}

export function MarketBar({ views, view }: { views: readonly MarketView[]; view: MarketView }) {
  const { venue, market, quote } = view;
  const { terms } = market;
  const now = useNow();
  const funding = venue.underlyings[terms.underlying]?.funding;
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-2 rounded-lg border bg-surface px-3 py-2">
      <MarketSelect views={views} current={view} />
      <dl className="flex flex-wrap gap-x-6 gap-y-2">
        <Figure name="Mark">
          <span data-testid="market-mark" data-value={quote?.markQ32.toString() ?? ""}>
            <MarkText view={view} />
          </span>
        </Figure>
        {terms.kind === "perpetual" ? (
          <Figure
            name={`Funding per ${periodText(funding?.period ?? 0)}`}
            title={
              funding
                ? `${percent(funding.yearlyRateQ32, { sign: true })} a year; positive: longs pay`
                : undefined
            }
          >
            <RateText view={view} />
          </Figure>
        ) : (
          <>
            <Figure name="Index">
              {quote ? price(unitPriceQ32(venue, terms.underlying, quote.underlyingMarkQ32)) : "–"}
            </Figure>
            <Figure name="Basis">
              <RateText view={view} />
            </Figure>
            <Figure name="Expiry" title={day(terms.expiry)}>
              {terms.expiry > now ? `in ${span(terms.expiry - now)}` : day(terms.expiry)}
            </Figure>
          </>
        )}
        <Figure name="Open interest">
          {formatLots(venue, terms.underlying, market.openInterestLots)}{" "}
          {underlyingName(venue, terms.underlying)}
        </Figure>
      </dl>
      <span className="flex gap-2">
        <PhaseBadge view={view} />
        <PriceBadge view={view} />
      </span>
    </div>
  );
}
