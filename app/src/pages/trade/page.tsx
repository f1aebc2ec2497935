/** Trading of perpetuals and futures: book, chart, ticket, and what the account has in the market. */
import { Link, useSearch } from "@tanstack/react-router";
import { isOption, termsOfKey } from "@/chain/layout";
import { useAccounts } from "@/state/accounts";
import { useBook } from "@/state/live";
import { Card } from "@/ui/card";
import { Empty, Notice } from "@/ui/feedback";
import { Tabs } from "@/ui/tabs";
import { Depth } from "./depth";
import { Fills } from "./fills";
import { MarketBar } from "./market-bar";
import { MarketInfo } from "./market-info";
import { OpenOrders } from "./orders";
import { Position } from "./position";
import { PriceChart } from "./price-chart";
import { TicketForm } from "./ticket-form";
import { useTicket } from "./ticket-state";
import { useMarketViews, type MarketView } from "./view";

export function TradePage() {
  const { market } = useSearch({ from: "/trade" });
  const views = useMarketViews();
  const view =
    market === undefined
      ? (views.find(({ name }) => name === "SOL-PERP") ?? views[0])
      : views.find(({ key }) => key === market);
  const terms = market === undefined ? null : termsOfKey(market);
  return (
    <>
      <h1 className="sr-only">{view ? `Trade ${view.name}` : "Trade"}</h1>
      {view ? (
        <Market key={view.key} views={views} view={view} />
      ) : views.length === 0 ? (
        <Empty title="No markets are listed yet" />
      ) : terms && isOption(terms) ? (
        <Notice title="This is an option">
          <Link
            to="/options"
            search={{ underlying: terms.underlying, expiry: terms.expiry }}
            className="underline"
          >
            Options are traded on their own page.
          </Link>
        </Notice>
      ) : (
        <Notice tone="warn" title="There is no such market">
          It may have been closed after its expiry.{" "}
          <Link to="/trade" className="underline">
            Show the first market.
          </Link>
        </Notice>
      )}
    </>
  );
}

function Market({ views, view }: { views: readonly MarketView[]; view: MarketView }) {
  const { selected } = useAccounts();
  const book = useBook(view.market.terms);
  const ticket = useTicket(view);
  const toTicket = () =>
    document.getElementById("ticket")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
  return (
    <>
      <MarketBar views={views} view={view} />
      <div className="grid grid-cols-1 items-start gap-4 md:grid-cols-[minmax(0,1fr)_20rem] xl:grid-cols-[18rem_minmax(0,1fr)_21rem]">
        <div className="grid gap-4 md:row-span-2 xl:col-start-2 xl:row-start-1">
          <PriceChart view={view} />
          <Card flush>
            <Tabs
              label="Your account in this market"
              tabs={[
                {
                  id: "position",
                  title: "Position",
                  content: (
                    <Position
                      view={view}
                      onClose={(lots) => {
                        ticket.close(lots);
                        toTicket();
                      }}
                    />
                  ),
                },
                { id: "orders", title: "Open orders", content: <OpenOrders view={view} /> },
                { id: "fills", title: "Fills", content: <Fills /> },
                { id: "market", title: "Market", content: <MarketInfo view={view} /> },
              ]}
            />
          </Card>
        </div>
        <div id="ticket" className="max-md:row-start-2 xl:col-start-3 xl:row-start-1">
          <TicketForm view={view} book={book} ticket={ticket} />
        </div>
        <div className="max-md:row-start-1 xl:col-start-1 xl:row-start-1">
          <Depth view={view} book={book} account={selected} onPrice={ticket.takePrice} />
        </div>
      </div>
    </>
  );
}
