/** Trades that one might make. */
import { Link } from "@tanstack/react-router";
import { Trash2 } from "lucide-react";
import { useState } from "react";
import { termsKey } from "@/chain/layout";
import type { Venue } from "@/engine/types";
import { abs } from "@/format/decimal";
import { QUOTE_DECIMALS } from "@/format/format";
import {
  lotPrice,
  lotsToSize,
  marketName,
  sizeDecimals,
  sizeToLots,
  underlyingName,
  unitPrice,
} from "@/format/names";
import { useMarket } from "@/state/live";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { Choice } from "@/ui/field";
import { AddLeg } from "./add-leg";
import { ValueField } from "./fields";
import { LEGS_MAX, type Scene, type SceneLeg } from "./scene";
import { SIDES, type LegSide } from "./words";

interface Props {
  venue: Venue;
  scene: Scene;
  update: (change: (scene: Scene) => Scene) => void;
}

export function LegsCard({ venue, scene, update }: Props) {
  const setLegs = (change: (legs: readonly SceneLeg[]) => readonly SceneLeg[]) =>
    update((before) => ({ ...before, legs: change(before.legs) }));
  return (
    <Card title="Trades">
      <div className="grid gap-4">
        {scene.legs.map((leg, index) => (
          <LegRow
            key={index}
            venue={venue}
            leg={leg}
            name={`Trade ${index + 1}`}
            onLeg={(next) => setLegs((legs) => legs.map((old, at) => (at === index ? next : old)))}
            onRemove={() => setLegs((legs) => legs.filter((_, at) => at !== index))}
          />
        ))}
        {scene.legs.length < LEGS_MAX && (
          <AddLeg venue={venue} onAdd={(leg) => setLegs((legs) => [...legs, leg])} />
        )}
      </div>
    </Card>
  );
}

function LegRow({
  venue,
  leg,
  name,
  onLeg,
  onRemove,
}: {
  venue: Venue;
  leg: SceneLeg;
  name: string;
  onLeg: (leg: SceneLeg) => void;
  onRemove: () => void;
}) {
  const { terms, lots, price } = leg;
  const { underlying } = terms;
  const market = useMarket(terms);
  const [chosen, setChosen] = useState<LegSide>("buy");
  const side = lots === 0n ? chosen : lots < 0n ? "sell" : "buy";
  const signed = (size: bigint, on: LegSide) => (on === "sell" ? -size : size);
  return (
    <fieldset className="grid gap-2 border-b pb-4">
      <legend className="sr-only">
        {name}: {marketName(venue, terms)}
      </legend>
      <div className="flex items-center justify-between gap-2">
        <span className="min-w-0 text-sm font-semibold break-all">{marketName(venue, terms)}</span>
        <span className="flex items-center gap-2">
          {market ? (
            <Link
              to="/trade"
              search={(before: { account?: string }) => ({
                ...(before.account ? { account: before.account } : {}),
                market: termsKey(terms),
              })}
              className="text-xs font-medium text-accent underline"
            >
              Trade it
            </Link>
          ) : (
            <span className="text-xs text-soft">not listed yet</span>
          )}
          <Button variant="ghost" size="icon" aria-label={`Remove ${name}`} onClick={onRemove}>
            <Trash2 aria-hidden className="size-4" />
          </Button>
        </span>
      </div>
      <Choice
        label={`${name}: side`}
        value={side}
        options={SIDES}
        onChange={(next) => {
          setChosen(next);
          onLeg({ ...leg, lots: signed(abs(lots), next) });
        }}
      />
      <div className="grid grid-cols-2 gap-3">
        <ValueField
          label="Size"
          unit={underlyingName(venue, underlying)}
          decimals={sizeDecimals(venue, underlying)}
          value={lotsToSize(venue, underlying, abs(lots))}
          check={(size) =>
            size < 0n
              ? "Choose the side above"
              : sizeToLots(venue, underlying, size) === null
                ? "No whole number of lots"
                : null
          }
          onValue={(size) =>
            onLeg({ ...leg, lots: signed(sizeToLots(venue, underlying, size) ?? 0n, side) })
          }
        />
        <ValueField
          label="Price"
          unit="USDC"
          placeholder="Mark"
          decimals={QUOTE_DECIMALS}
          value={price === null ? 0n : unitPrice(venue, underlying, price)}
          check={(perUnit) =>
            perUnit <= 0n
              ? "Above zero; nothing for the mark"
              : lotPrice(venue, underlying, perUnit) === null
                ? "Too many digits for a lot"
                : null
          }
          onValue={(perUnit) =>
            onLeg({ ...leg, price: perUnit > 0n ? lotPrice(venue, underlying, perUnit) : null })
          }
        />
      </div>
    </fieldset>
  );
}
