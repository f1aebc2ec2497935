/** The price of the underlying over time. The drawing is loaded when it is first needed. */
import { lazy, Suspense } from "react";
import { Q32_ONE } from "@/engine/engine";
import type { FeedFigures } from "@/engine/types";
import { percent, price, time } from "@/format/format";
import { Button } from "@/ui/button";
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
  const { points, isPending, isError, ...more } = usePrices(feed);
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
  const confidence = feed.priceQ32 === 0n ? 0n : (feed.confidenceQ32 * Q32_ONE) / feed.priceQ32;
  const summary = `Since ${time(first.time)}: last ${text(last.value)}, high ${text(high)}, low ${text(low)}.`;
  return (
    <figure>
      <Suspense fallback={<Skeleton className="h-72" />}>
        <Canvas points={points} format={text} label={`${feed.name} over time`} />
      </Suspense>
      <figcaption className="flex flex-wrap items-center justify-between gap-2 border-t px-4 py-1.5 text-xs text-soft">
        <span>
          {summary} Confidence ±{percent(confidence, { digits: 3 })}.
        </span>
        {more.hasNextPage && (
          <Button
            size="sm"
            variant="ghost"
            disabled={more.isFetchingNextPage}
            onClick={() => void more.fetchNextPage()}
          >
            {more.isFetchingNextPage ? "Reading…" : "Earlier prices"}
          </Button>
        )}
        {isError && <span>Older prices could not be read: the RPC refuses it.</span>}
      </figcaption>
    </figure>
  );
}
