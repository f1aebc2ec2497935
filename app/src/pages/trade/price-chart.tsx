/** The price of the underlying over time. The drawing is loaded when it is first needed. */
import { lazy, Suspense } from "react";
import { fromQ32 } from "@/engine/engine";
import type { FeedFigures } from "@/engine/types";
import { price, time } from "@/format/format";
import { Card } from "@/ui/card";
import { Empty, Skeleton } from "@/ui/feedback";
import { usePrices } from "./price-history";
import type { MarketView } from "./view";

const Canvas = lazy(() => import("./chart-canvas"));

export function PriceChart({ view: { venue, market } }: { view: MarketView }) {
  const feed = venue.feeds[venue.underlyings[market.terms.underlying]?.feed ?? -1];
  return (
    <Card title={`${feed?.name ?? "Price"}, index`} flush>
      {feed ? <Chart feed={feed} /> : <Empty title="No price feed" />}
    </Card>
  );
}

/** A price for drawing as people read it. */
const text = (value: number) => price(BigInt(Math.round(value * 1e6)));

function Chart({ feed }: { feed: FeedFigures }) {
  const { points, isPending, isError } = usePrices(feed);
  const last = points.at(-1);
  const [first] = points;
  if (!first || !last) {
    return isPending ? (
      <Skeleton className="m-4 h-72" />
    ) : (
      <Empty title="No prices yet">The first one will be drawn here.</Empty>
    );
  }
  const values = points.map(({ value }) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const summary = `Since ${time(first.time)}: last ${text(last.value)}, high ${text(high)}, low ${text(low)}.`;
  return (
    <figure>
      <Suspense fallback={<Skeleton className="h-72" />}>
        <Canvas points={points} format={text} label={`${feed.name} over time`} />
      </Suspense>
      <figcaption className="border-t px-4 py-2 text-xs text-soft">
        {summary} Confidence ±{price(feed.confidenceQ32 >> 32n)} (
        {((100 * fromQ32(feed.confidenceQ32)) / fromQ32(feed.priceQ32)).toFixed(3)}%).
        {isError && " Older prices could not be read: the RPC refuses it."}
      </figcaption>
    </figure>
  );
}
