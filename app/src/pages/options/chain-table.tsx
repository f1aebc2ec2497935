/** The chain of an expiry: strikes in rows, calls to the left and puts to the right. */
import { useMemo, useState, type ReactNode } from "react";
import { Side } from "@/chain/layout";
import type { Level } from "@/chain/book";
import type { Venue } from "@/engine/types";
import { abs, formatDecimal } from "@/format/decimal";
import { percent, price } from "@/format/format";
import { formatLots, unitPrice, unitPriceQ32 } from "@/format/names";
import { classes } from "@/ui/classes";
import { Badge, Signed } from "@/ui/feedback";
import { Choice } from "@/ui/field";
import type { Direction } from "./legs";
import type { ChainRow, Quoted } from "./use-chain";
import { useWide } from "./use-wide";

type Kind = "call" | "put";
/** Adds a leg at a price per lot, or at what the book asks for. */
export type Pick = (option: Quoted, side: Direction, price: bigint | null) => void;

interface CellProps {
  venue: Venue;
  option: Quoted;
  onPick: Pick;
}

interface ChainColumn {
  id: string;
  header: string;
  title?: string;
  Cell: (props: CellProps) => ReactNode;
}

const NONE = <span className="text-soft">–</span>;

function optionWords(venue: Venue, { terms }: Quoted): string {
  return `${terms.kind} ${price(unitPrice(venue, terms.underlying, terms.strike))}`;
}

function PriceButton({
  name,
  title,
  tone,
  onPress,
  children,
}: {
  name: string;
  title: string;
  tone: string;
  onPress: () => void;
  children: ReactNode;
}) {
  return (
    <button
      type="button"
      aria-label={name}
      title={title}
      onClick={onPress}
      className={classes("-mx-1 rounded px-1 py-0.5 text-right hover:bg-raised", tone)}
    >
      {children}
    </button>
  );
}

function LevelCell({
  venue,
  option,
  onPick,
  level,
  side,
}: CellProps & { level: Level | null; side: Direction }) {
  if (!level) return NONE;
  const { underlying } = option.terms;
  const at = price(unitPrice(venue, underlying, level.price));
  const size = formatLots(venue, underlying, level.lots);
  const verb = side === Side.Bid ? "Buy" : "Sell";
  return (
    <>
      <PriceButton
        name={`${verb} ${optionWords(venue, option)} at ${at}`}
        title={`${verb} at ${at}`}
        tone={classes("font-medium", side === Side.Bid ? "text-down" : "text-up")}
        onPress={() => onPick(option, side, null)}
      >
        {at}
      </PriceButton>
      <span className="block text-[11px] text-soft">
        <span className="sr-only">size </span>
        {size}
      </span>
    </>
  );
}

function MarkCell({ venue, option, onPick }: CellProps) {
  const { figures, terms, failure } = option;
  if (!figures) return <span title={failure ?? undefined}>{NONE}</span>;
  const at = price(unitPriceQ32(venue, terms.underlying, figures.markQ32));
  return (
    <PriceButton
      name={`Buy ${optionWords(venue, option)} at the mark ${at}`}
      title="Buy at the mark"
      tone=""
      onPress={() => onPick(option, Side.Bid, figures.markQ32 >> 32n)}
    >
      {at}
    </PriceButton>
  );
}

/** A Q32 number with two digits. */
const twoDigits = (q32: bigint) =>
  formatDecimal((q32 * 1_000_000n) >> 32n, 6, { min: 2, max: 2, sign: false });

const BID: ChainColumn = {
  id: "bid",
  header: "Bid",
  title: "Best bid and its size",
  Cell: (props) => <LevelCell {...props} level={props.option.bid} side={Side.Ask} />,
};
const ASK: ChainColumn = {
  id: "ask",
  header: "Ask",
  title: "Best ask and its size",
  Cell: (props) => <LevelCell {...props} level={props.option.ask} side={Side.Bid} />,
};
const MARK: ChainColumn = { id: "mark", header: "Mark", Cell: MarkCell };
const VOLATILITY: ChainColumn = {
  id: "volatility",
  header: "IV",
  title: "Implied volatility",
  Cell: ({ option: { figures } }) =>
    figures && figures.volatilityQ32 !== null
      ? percent(figures.volatilityQ32, { digits: 1 })
      : NONE,
};
const DELTA: ChainColumn = {
  id: "delta",
  header: "Delta",
  title: "Change of the mark per change of the underlying's mark",
  Cell: ({ option: { figures } }) => (figures ? twoDigits(figures.deltaQ32) : NONE),
};
const INTEREST: ChainColumn = {
  id: "interest",
  header: "Open",
  title: "Open interest",
  Cell: ({ venue, option: { market, terms } }) =>
    formatLots(venue, terms.underlying, market.openInterestLots),
};
const OWN: ChainColumn = {
  id: "own",
  header: "Own",
  title: "Your position",
  Cell: ({ venue, option: { lots, terms } }) =>
    lots === 0n ? (
      NONE
    ) : (
      <Signed value={lots}>{formatLots(venue, terms.underlying, lots, true)}</Signed>
    ),
};

/** From the strike outwards. */
const COLUMNS: readonly ChainColumn[] = [BID, ASK, MARK, VOLATILITY, DELTA, INTEREST, OWN];
/** Calls stand left of the strike, bid before ask as everywhere. */
const MIRRORED: readonly ChainColumn[] = [OWN, INTEREST, DELTA, VOLATILITY, MARK, BID, ASK];

function Cells({
  venue,
  kind,
  row,
  isInTheMoney,
  columns,
  onPick,
}: {
  venue: Venue;
  kind: Kind;
  row: ChainRow;
  isInTheMoney: boolean;
  columns: readonly ChainColumn[];
  onPick: Pick;
}) {
  const option = row[kind];
  return columns.map(({ id, Cell }) => (
    <td
      key={id}
      className={classes(
        "px-2 py-1 text-right align-middle whitespace-nowrap",
        isInTheMoney && "bg-raised/60",
      )}
    >
      {option ? <Cell venue={venue} option={option} onPick={onPick} /> : NONE}
    </td>
  ));
}

interface Props {
  venue: Venue;
  underlying: number;
  /** Names the table. */
  caption: string;
  rows: readonly ChainRow[];
  onPick: Pick;
}

export function ChainTable({ venue, underlying, caption, rows, onPick }: Props) {
  const isWide = useWide();
  const [shown, setShown] = useState<Kind>("call");
  const money = venue.underlyings[underlying]?.markQ32 ?? null;
  const sides = useMemo(() => {
    const calls = { kind: "call" as const, title: "Calls", columns: MIRRORED };
    const puts = { kind: "put" as const, title: "Puts", columns: COLUMNS };
    if (isWide) return { before: calls, after: puts };
    return { before: null, after: { ...(shown === "call" ? calls : puts), columns: COLUMNS } };
  }, [isWide, shown]);
  const isInTheMoney = (kind: Kind, strike: bigint) =>
    money !== null && (kind === "call" ? strike << 32n < money : strike << 32n > money);
  const { before, after } = sides;
  const heads = (columns: readonly ChainColumn[]) =>
    columns.map(({ id, header, title }) => (
      <th key={id} scope="col" title={title} className="px-2 py-1.5 text-right font-medium">
        {header}
      </th>
    ));
  return (
    <>
      {!isWide && (
        <Choice
          label="Calls or puts"
          value={shown}
          options={[
            { value: "call", text: "Calls" },
            { value: "put", text: "Puts" },
          ]}
          onChange={setShown}
          className="m-3"
        />
      )}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard */}
      <div className="overflow-x-auto" role="region" aria-label={caption} tabIndex={0}>
        <table className="w-full border-collapse text-xs">
          <caption className="sr-only">{caption}</caption>
          <thead className="text-soft">
            {before && (
              <tr>
                <th scope="colgroup" colSpan={before.columns.length} className="pt-2 text-center">
                  {before.title}
                </th>
                <td />
                <th scope="colgroup" colSpan={after.columns.length} className="pt-2 text-center">
                  {after.title}
                </th>
              </tr>
            )}
            <tr>
              {before && heads(before.columns)}
              <th scope="col" className="px-2 py-1.5 text-center font-medium">
                Strike
              </th>
              {heads(after.columns)}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const inside = (["call", "put"] as const).find((kind) =>
                isInTheMoney(kind, row.strike),
              );
              return (
                <tr
                  key={row.strike.toString()}
                  className={classes("border-t", row.isAtTheMoney && "border-y-2 border-y-accent")}
                >
                  {before && (
                    <Cells
                      venue={venue}
                      row={row}
                      kind={before.kind}
                      columns={before.columns}
                      isInTheMoney={isInTheMoney(before.kind, row.strike)}
                      onPick={onPick}
                    />
                  )}
                  <th
                    scope="row"
                    className="px-2 py-1 text-center text-sm font-semibold whitespace-nowrap"
                  >
                    {price(abs(unitPrice(venue, underlying, row.strike)))}
                    {inside && <span className="sr-only">, {inside} in the money</span>}
                    {row.isAtTheMoney && (
                      <span className="block">
                        <Badge>at the money</Badge>
                      </span>
                    )}
                  </th>
                  <Cells
                    venue={venue}
                    row={row}
                    kind={after.kind}
                    columns={after.columns}
                    isInTheMoney={isInTheMoney(after.kind, row.strike)}
                    onPick={onPick}
                  />
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </>
  );
}
