/** Chooses the market: a list of the perpetuals and futures with what tells them apart. */
import { Link } from "@tanstack/react-router";
import { ChevronDown } from "lucide-react";
import { Popover } from "radix-ui";
import { useMemo, useState } from "react";
import { fromQ32, toQ32 } from "@/engine/engine";
import { day, percent, price, span } from "@/format/format";
import { formatLots, underlyingName, unitPriceQ32 } from "@/format/names";
import { Badge } from "@/ui/feedback";
import { DataTable, type Column } from "@/ui/table";
import { PHASE_WORDS, type MarketView } from "./view";

export function MarkText({ view: { venue, market, quote } }: { view: MarketView }) {
  return quote ? price(unitPriceQ32(venue, market.terms.underlying, quote.markQ32)) : "–";
}

/** Funding of a perpetual per its period; the basis of a future: its mark over the underlying's. */
export function RateText({ view: { venue, market, quote } }: { view: MarketView }) {
  const { terms } = market;
  if (terms.kind === "perpetual") {
    const funding = venue.underlyings[terms.underlying]?.funding;
    return funding ? percent(funding.rateQ32, { digits: 4, sign: true }) : "–";
  }
  if (!quote || quote.underlyingMarkQ32 === 0n) return "–";
  const basis = fromQ32(quote.markQ32) / fromQ32(quote.underlyingMarkQ32) - 1;
  return percent(toQ32(basis), { digits: 2, sign: true });
}

/** A period without what is zero: `8h`. */
export function periodText(seconds: number): string {
  return span(seconds).replace(/ 00[hms]$/, "");
}

export function PhaseBadge({ view: { phase } }: { view: MarketView }) {
  return <Badge tone={phase === "active" ? "up" : "warn"}>{PHASE_WORDS[phase]}</Badge>;
}

function columnsOf(onChoose: () => void): Column<MarketView>[] {
  return [
    {
      id: "name",
      header: "Market",
      sort: ({ name }) => name,
      cell: ({ key, name }) => (
        <Link
          to="/trade"
          search={(before) => ({ ...before, market: key })}
          onClick={onChoose}
          className="font-medium text-accent hover:underline"
        >
          {name}
        </Link>
      ),
    },
    {
      id: "mark",
      header: "Mark",
      align: "right",
      cell: (view) => <MarkText view={view} />,
    },
    {
      id: "rate",
      header: "Funding or basis",
      align: "right",
      cell: (view) => (
        <span title={view.market.terms.kind === "perpetual" ? "Funding" : "Basis"}>
          <RateText view={view} />
        </span>
      ),
    },
    {
      id: "expiry",
      header: "Expiry",
      wide: true,
      cell: ({ market: { terms } }) => (terms.expiry === 0 ? "never" : day(terms.expiry)),
    },
    {
      id: "interest",
      header: "Open interest",
      align: "right",
      wide: true,
      cell: ({ venue, market: { terms, openInterestLots } }) =>
        `${formatLots(venue, terms.underlying, openInterestLots)} ${underlyingName(venue, terms.underlying)}`,
    },
    { id: "status", header: "Status", cell: (view) => <PhaseBadge view={view} /> },
  ];
}

export function MarketSelect({
  views,
  current,
}: {
  views: readonly MarketView[];
  current: MarketView;
}) {
  const [isOpen, setOpen] = useState(false);
  const columns = useMemo(() => columnsOf(() => setOpen(false)), []);
  return (
    <Popover.Root open={isOpen} onOpenChange={setOpen}>
      <Popover.Trigger
        aria-label={`Market: ${current.name}`}
        className="flex items-center gap-2 rounded-md border bg-surface px-3 py-1.5 text-base font-semibold hover:bg-raised"
      >
        {current.name}
        <ChevronDown aria-hidden className="size-4 text-soft" />
      </Popover.Trigger>
      <Popover.Portal>
        <Popover.Content
          align="start"
          sideOffset={4}
          collisionPadding={8}
          aria-label="Markets"
          className="z-40 max-h-[70dvh] max-w-[calc(100vw-1rem)] overflow-y-auto rounded-lg border bg-surface shadow-lg"
        >
          <DataTable
            caption="Perpetuals and futures"
            columns={columns}
            rows={views}
            rowKey={({ key }) => key}
            isSelected={({ key }) => key === current.key}
          />
        </Popover.Content>
      </Popover.Portal>
    </Popover.Root>
  );
}
