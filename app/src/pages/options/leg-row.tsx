/** A leg of the package, to be edited. */
import { Trash2 } from "lucide-react";
import { Side } from "@/chain/layout";
import type { Venue } from "@/engine/types";
import { price, QUOTE_DECIMALS } from "@/format/format";
import { formatLots, marketName, unitPrice, unitPriceQ32 } from "@/format/names";
import { Button } from "@/ui/button";
import { AmountField, Choice, SelectField } from "@/ui/field";
import type { Leg } from "./legs";
import type { Checked } from "./use-package";

const SIDES = [
  { value: "buy", text: "Buy", tone: "buy" },
  { value: "sell", text: "Sell", tone: "sell" },
] as const;

const RATIOS = Array.from({ length: 10 }, (_, index) => (index + 1).toString());

interface Props {
  venue: Venue;
  checked: Checked;
  /** Whether the size of the package is known. */
  isSized: boolean;
  onLeg: (leg: Leg) => void;
  onRemove: () => void;
}

export function LegRow({ venue, checked, isSized, onLeg, onRemove }: Props) {
  const { leg, figures, fill, problem } = checked;
  const { underlying } = leg.terms;
  const name = marketName(venue, leg.terms);
  const size = (lots: bigint) => formatLots(venue, underlying, lots);
  const mark = figures && price(unitPriceQ32(venue, underlying, figures.markQ32));
  const worst = fill?.match.worst ?? null;
  return (
    <li aria-label={name} className="grid gap-2 border-b p-3">
      <div className="flex items-center justify-between gap-2">
        <span className="min-w-0 truncate text-sm font-semibold">{name}</span>
        <Button variant="ghost" size="icon" aria-label={`Remove ${name}`} onClick={onRemove}>
          <Trash2 aria-hidden className="size-4" />
        </Button>
      </div>
      <div className="grid grid-cols-[auto_4.5rem_minmax(0,1fr)] items-end gap-2">
        <Choice
          label={`Side of ${name}`}
          value={leg.side === Side.Bid ? "buy" : "sell"}
          options={SIDES}
          onChange={(side) => onLeg({ ...leg, side: side === "buy" ? Side.Bid : Side.Ask })}
          className="h-10"
        />
        <SelectField
          label={
            <>
              Ratio<span className="sr-only"> of {name}</span>
            </>
          }
          value={leg.ratio.toString()}
          onChange={(event) => onLeg({ ...leg, ratio: BigInt(event.target.value) })}
          className="[&_select]:h-10"
        >
          {RATIOS.map((ratio) => (
            <option key={ratio} value={ratio}>
              {ratio}×
            </option>
          ))}
        </SelectField>
        <AmountField
          label={
            <>
              Limit<span className="sr-only"> of {name}</span>
            </>
          }
          amount={leg.limit}
          decimals={QUOTE_DECIMALS}
          unit="USDC"
          aside={mark && `Mark ${mark}`}
          onAmount={(limit) => onLeg({ ...leg, limit, followsBook: false })}
        />
      </div>
      {problem !== null ? (
        <p className="text-xs text-down">{problem}</p>
      ) : (
        fill &&
        isSized && (
          <p className="text-xs text-soft">
            {leg.side === Side.Bid ? "Buys" : "Sells"} {size(fill.lots)}; the book has{" "}
            {fill.match.lots < fill.lots ? `only ${size(fill.match.lots)}` : "all of it"} at that
            price or better
            {worst !== null && `, at worst for ${price(unitPrice(venue, underlying, worst))}`}.
            {leg.followsBook && " The limit follows the book until you type one."}
          </p>
        )
      )}
    </li>
  );
}
