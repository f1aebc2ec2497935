/** What markets do: prices, volatilities, time. */
import { useState } from "react";
import { Q32_ONE } from "@/engine/engine";
import type { Venue, VenueUnderlying } from "@/engine/types";
import { mulDiv } from "@/format/decimal";
import { price } from "@/format/format";
import { unitPriceQ32 } from "@/format/names";
import { Card } from "@/ui/card";
import { Badge } from "@/ui/feedback";
import { Slider, ValueField } from "./fields";
import {
  factorQ32,
  HOURS_MAX,
  MOVE_LIMITS,
  moveOf,
  withMove,
  type MoveKind,
  type Scene,
  type SceneMove,
} from "./scene";
import { moveText, timeText } from "./words";

interface Props {
  venue: Venue;
  scene: Scene;
  update: (change: (scene: Scene) => Scene) => void;
}

/** Hundredths of a percent that a slider reaches; more can be typed. */
const SLIDER: Record<MoveKind, { low: number; high: number }> = {
  price: { low: -9_000, high: 10_000 },
  implied: { low: -9_000, high: 20_000 },
  realised: { low: -9_000, high: 20_000 },
};
const SLIDER_STEP = 100;
const SLIDER_DAYS = 90;

export function MovesCard({ venue, scene, update }: Props) {
  return (
    <Card title="Markets">
      <div className="grid gap-4">
        {venue.underlyings.map((underlying) => (
          <UnderlyingMoves
            key={underlying.index}
            venue={venue}
            underlying={underlying}
            move={moveOf(scene, underlying.index)}
            onMove={(move) => update((before) => withMove(before, move))}
          />
        ))}
        <TimePasses
          hours={scene.hours}
          onHours={(hours) => update((before) => ({ ...before, hours }))}
        />
      </div>
    </Card>
  );
}

function UnderlyingMoves({
  venue,
  underlying,
  move,
  onMove,
}: {
  venue: Venue;
  underlying: VenueUnderlying;
  move: SceneMove;
  onMove: (move: SceneMove) => void;
}) {
  const { index, name, markQ32, feed } = underlying;
  const [isOpen, setOpen] = useState(false);
  const validity = venue.feeds[feed]?.validity ?? "never";
  const at = (factor: bigint) =>
    markQ32 === null
      ? "no price"
      : `$${price(unitPriceQ32(venue, index, mulDiv(markQ32, factor, Q32_ONE)))}`;
  return (
    <fieldset className="grid gap-2 border-b pb-4">
      <legend className="sr-only">{name}</legend>
      <p className="flex flex-wrap items-center gap-2 text-sm" aria-hidden>
        <span className="font-semibold">{name}</span>
        <span className="text-soft">
          {at(Q32_ONE)}
          {move.price !== 0 && ` → ${at(factorQ32(move.price))}`}
        </span>
        {validity !== "fresh" && <Badge tone="warn">{validity} price</Badge>}
      </p>
      <Move kind="price" what={`${name} price`} {...{ move, onMove }} />
      <details
        open={isOpen || move.implied !== 0 || move.realised !== 0}
        onToggle={(event) => setOpen(event.currentTarget.open)}
      >
        <summary className="cursor-pointer text-xs font-medium text-soft">
          {name} volatility
        </summary>
        <div className="grid gap-2 pt-2">
          <Move kind="implied" what={`${name} implied volatility`} {...{ move, onMove }} />
          <Move kind="realised" what={`${name} realised volatility`} {...{ move, onMove }} />
        </div>
      </details>
    </fieldset>
  );
}

function Move({
  kind,
  what,
  move,
  onMove,
}: {
  kind: MoveKind;
  what: string;
  move: SceneMove;
  onMove: (move: SceneMove) => void;
}) {
  const { low, high } = MOVE_LIMITS[kind];
  const value = move[kind];
  return (
    <div className="grid grid-cols-[minmax(0,1fr)_8rem] items-end gap-3">
      <Slider
        label={`${what}, slider`}
        {...SLIDER[kind]}
        step={SLIDER_STEP}
        value={value}
        text={moveText(value)}
        onValue={(next) => onMove({ ...move, [kind]: next })}
      />
      <ValueField
        label={what}
        unit="%"
        decimals={2}
        value={BigInt(value)}
        check={(next) =>
          next < BigInt(low) || next > BigInt(high)
            ? `From ${moveText(low)} to ${moveText(high)}`
            : null
        }
        onValue={(next) => onMove({ ...move, [kind]: Number(next) })}
      />
    </div>
  );
}

function TimePasses({ hours, onHours }: { hours: number; onHours: (hours: number) => void }) {
  const [days, rest] = [Math.floor(hours / 24), hours % 24];
  const check = (next: bigint, hoursOf: (next: bigint) => bigint) =>
    next < 0n || hoursOf(next) > BigInt(HOURS_MAX) ? "From now to two years ahead" : null;
  return (
    <fieldset className="grid gap-2">
      <legend className="text-sm font-semibold">Time that passes</legend>
      <Slider
        label="Days that pass, slider"
        low={0}
        high={SLIDER_DAYS}
        step={1}
        value={days}
        text={timeText(hours)}
        onValue={(next) => onHours(next * 24 + rest)}
      />
      <div className="grid grid-cols-2 gap-3">
        <ValueField
          label="Days"
          unit="days"
          decimals={0}
          value={BigInt(days)}
          check={(next) => check(next, (value) => value * 24n + BigInt(rest))}
          onValue={(next) => onHours(Number(next) * 24 + rest)}
        />
        <ValueField
          label="Hours"
          unit="hours"
          decimals={0}
          value={BigInt(rest)}
          check={(next) => check(next, (value) => BigInt(days * 24) + value)}
          onValue={(next) => onHours(days * 24 + Number(next))}
        />
      </div>
    </fieldset>
  );
}
