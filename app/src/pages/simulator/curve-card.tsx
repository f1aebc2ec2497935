/** Profit along the prices of an underlying: now, after the time of the scene, and once everything dated has settled. */
import { memo } from "react";
import type { CurvePoint, Venue, WhatIfAnswer } from "@/engine/types";
import { toNumber } from "@/format/decimal";
import { QUOTE_DECIMALS } from "@/format/format";
import { underlyingName, unitPriceQ32 } from "@/format/names";
import { attempt } from "@/state/attempt";
import { useLiquidationMarks } from "@/state/liquidation";
import { useRisk } from "@/state/live";
import type { AccountKey, Risk } from "@/state/risk";
import { Card } from "@/ui/card";
import { Notice } from "@/ui/feedback";
import { LineChart, type Marker, type Series } from "@/ui/line-chart";
import { zeros, type Point } from "@/ui/scale";
import { actionsOf, changesOf, factorQ32, moveOf, movesOf, type Scene } from "./scene";
import { axisPrice, axisUsd, timeText } from "./words";

/** Points to either side of the present price. */
const POINTS = 24;
/** More break-evens than these are not marked. */
const BREAK_EVENS = 4;
/** A break-even so near to the present price, relatively, is the present price. */
const SAME = 0.004;

interface Props {
  venue: Venue;
  account: AccountKey;
  scene: Scene;
  underlying: number;
  /** Hundredths of a percent to either side. */
  reach: number;
}

/** Whether something on the underlying expires. */
function hasDated({ after }: WhatIfAnswer, underlying: number): boolean {
  return after.positions.some(({ terms }) => terms.underlying === underlying && terms.expiry > 0);
}

/** Presses the request through the engine for every line that makes sense. */
function linesOf(risk: Risk, { account, scene, underlying, reach }: Props) {
  const changes = [
    ...actionsOf(scene).map(({ change }) => change),
    ...movesOf(scene, { underlying, volatility: false }),
  ];
  const factorsQ32 = Array.from({ length: 2 * POINTS + 1 }, (_, index) =>
    factorQ32(Math.round(((index - POINTS) * reach) / POINTS)),
  );
  const curve = (more: { seconds?: number; atExpiry?: boolean }) =>
    risk.curve(account, { changes, underlying, factorsQ32, ...more });
  return {
    now: curve({}),
    later: scene.hours > 0 ? curve({ seconds: scene.hours * 3_600 }) : null,
    expiry: hasDated(risk.whatIf(account, changes), underlying) ? curve({ atExpiry: true }) : null,
  };
}

export const CurveCard = memo(function CurveCard(props: Props) {
  const { venue, account, scene, underlying, reach } = props;
  const lines = useRisk(
    (risk) => attempt(() => linesOf(risk, props)),
    [account, scene, underlying, reach],
  );
  const liquidation = useLiquidationMarks(
    account,
    lines.problem === null ? changesOf(scene) : [],
  ).get(underlying);
  const name = underlyingName(venue, underlying);
  const unit = (markQ32: bigint) =>
    toNumber(unitPriceQ32(venue, underlying, markQ32), QUOTE_DECIMALS);
  if (lines.problem !== null) {
    return (
      <Card title={`Profit over ${name}`}>
        <Notice tone="warn">{lines.problem}</Notice>
      </Card>
    );
  }
  const draw = (points: CurvePoint[]): Point[] =>
    points.map(({ markQ32, profit }) => ({
      x: unit(markQ32),
      y: toNumber(profit, QUOTE_DECIMALS),
    }));
  const { now, later, expiry } = lines.value;
  const series: Series[] = [
    { name: "Now", tone: "accent", dash: "solid", points: draw(now) },
    ...(later
      ? [
          {
            name: `After ${timeText(scene.hours)}`,
            tone: "warn" as const,
            dash: "dashed" as const,
            points: draw(later),
          },
        ]
      : []),
    ...(expiry
      ? [{ name: "At expiry", tone: "ink" as const, dash: "dotted" as const, points: draw(expiry) }]
      : []),
  ];

  const markQ32 = venue.underlyings[underlying]?.markQ32 ?? 0n;
  const present = unit(markQ32);
  const markers: Marker[] = [{ name: "Price now", x: present, tone: "soft" }];
  const moved = moveOf(scene, underlying).price;
  if (moved !== 0) {
    const x = unit((markQ32 * factorQ32(moved)) >> 32n);
    markers.push({ name: "Scene", x, tone: "accent" });
  }
  const marks = [liquidation?.belowQ32, liquidation?.aboveQ32].flatMap((mark) =>
    mark === null || mark === undefined ? [] : [unit(mark)],
  );
  for (const x of new Set(marks)) markers.push({ name: "Liquidation", x, tone: "down" });
  const evens = zeros(series.at(-1)?.points ?? []).filter(
    (x) => Math.abs(x - present) > present * SAME,
  );
  if (expiry && evens.length <= BREAK_EVENS) {
    for (const x of evens) markers.push({ name: "Break-even", x, tone: "ink" });
  }

  const ends = series
    .map((line) => {
      const heights = line.points.map(({ y }) => y);
      return `${line.name} from ${axisUsd(Math.min(...heights))} to ${axisUsd(Math.max(...heights))}`;
    })
    .join("; ");
  const places = markers.map((marker) => `${marker.name} at ${axisPrice(marker.x)}`).join(", ");
  return (
    <Card title={`Profit over ${name}`}>
      <LineChart
        label={`Profit over the price of ${name}`}
        summary={`${ends}. ${places}.`}
        series={series}
        markers={markers}
        xName={`price of ${name}`}
        yName="Profit"
        formatX={axisPrice}
        formatY={axisUsd}
        height={300}
      />
      <p className="pt-2 text-xs text-soft">
        {marks.length > 0
          ? `A liquidation could begin at ${[...new Set(marks)].map(axisPrice).join(" or ")}.`
          : liquidation
            ? `No price of ${name} alone leads to a liquidation.`
            : `Liquidation prices of ${name} are known once the account depends on it.`}
      </p>
    </Card>
  );
});
