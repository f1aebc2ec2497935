/** The book: what rests on both sides of a market, with cumulative sizes. */
import type { Address } from "@solana/kit";
import type { Book, Level } from "@/chain/book";
import { percent, price } from "@/format/format";
import { formatLots, unitPrice, unitPriceQ32 } from "@/format/names";
import { toQ32 } from "@/engine/engine";
import { Card } from "@/ui/card";
import { classes } from "@/ui/classes";
import { Badge, Empty } from "@/ui/feedback";
import type { MarketView } from "./view";

/** Levels of a side that are shown. */
const LEVELS = 10;

interface Props {
  view: MarketView;
  book: Book;
  /** Whose orders are marked. */
  account: Address | null;
  onPrice: (perLot: bigint) => void;
}

export function Depth({ view, book, account, onPrice }: Props) {
  const { venue, market, quote } = view;
  const { underlying } = market.terms;
  const asks = book.asks.slice(0, LEVELS);
  const bids = book.bids.slice(0, LEVELS);
  const deepest = [asks, bids].reduce((most, side) => {
    const total = side.at(-1)?.total ?? 0n;
    return total > most ? total : most;
  }, 1n);
  const [bid, ask] = [bids[0]?.price, asks[0]?.price];
  const side = (levels: Level[], name: "Ask" | "Bid") => (
    <ol aria-label={`${name}s`}>
      {levels.map((level) => (
        <Row
          key={level.price.toString()}
          {...{ name, view, level, deepest, onPrice }}
          isOwn={level.orders.some((order) => order.account === account)}
        />
      ))}
    </ol>
  );
  return (
    <Card title="Order book" flush>
      {asks.length + bids.length === 0 ? (
        <Empty title="No orders">Yours would be the first.</Empty>
      ) : (
        <div className="py-1 text-xs">
          <div aria-hidden className="grid grid-cols-3 px-3 py-1 text-soft">
            <span>Price (USDC)</span>
            <span className="text-right">Size ({venue.underlyings[underlying]?.name})</span>
            <span className="text-right">Total</span>
          </div>
          {asks.length === 0 && <p className="px-3 py-1 text-soft">Nobody sells.</p>}
          {side(asks.toReversed(), "Ask")}
          <div className="my-1 flex flex-wrap justify-between gap-x-3 border-y px-3 py-1.5">
            <span>
              <span className="text-soft">Mark </span>
              <span className="font-semibold">
                {quote ? price(unitPriceQ32(venue, underlying, quote.markQ32)) : "–"}
              </span>
            </span>
            <span>
              <span className="text-soft">Spread </span>
              {bid !== undefined && ask !== undefined
                ? `${price(unitPrice(venue, underlying, ask - bid))} (${percent(toQ32(spread(bid, ask)), { digits: 3 })})`
                : "–"}
            </span>
          </div>
          {side(bids, "Bid")}
          {bids.length === 0 && <p className="px-3 py-1 text-soft">Nobody buys.</p>}
        </div>
      )}
    </Card>
  );
}

/** The spread as a part of the mid price. */
function spread(bid: bigint, ask: bigint): number {
  return (2 * Number(ask - bid)) / Number(ask + bid);
}

function Row({
  name,
  view: { venue, market },
  level,
  deepest,
  isOwn,
  onPrice,
}: {
  name: "Ask" | "Bid";
  view: MarketView;
  level: Level;
  deepest: bigint;
  isOwn: boolean;
  onPrice: (perLot: bigint) => void;
}) {
  const { underlying } = market.terms;
  const at = price(unitPrice(venue, underlying, level.price));
  const size = formatLots(venue, underlying, level.lots);
  const total = formatLots(venue, underlying, level.total);
  const part = Number((level.total * 1000n) / deepest) / 10;
  return (
    <li>
      <button
        type="button"
        onClick={() => onPrice(level.price)}
        title="Take this price"
        className="relative grid w-full grid-cols-3 px-3 py-1 text-right hover:bg-raised focus-visible:outline-offset-[-2px]"
      >
        <span
          aria-hidden
          className={classes(
            "absolute inset-y-px right-0",
            name === "Ask" ? "bg-down-wash" : "bg-up-wash",
          )}
          style={{ width: `${part}%` }}
        />
        <span
          className={classes(
            "relative flex items-center gap-1 text-left font-medium",
            name === "Ask" ? "text-down" : "text-up",
          )}
        >
          <span className="sr-only">{name} </span>
          {at}
          {isOwn && <Badge title="An order of yours is here">you</Badge>}
        </span>
        <span className="relative">
          <span className="sr-only">, size </span>
          {size}
        </span>
        <span className="relative">
          <span className="sr-only">, total </span>
          {total}
        </span>
      </button>
    </li>
  );
}
