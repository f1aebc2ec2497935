/** Profit and loss of a package over the price of its underlying, after settlement and now. */
import { useMemo } from "react";
import type { Venue } from "@/engine/types";
import { toNumber } from "@/format/decimal";
import { price, QUOTE_DECIMALS, usd } from "@/format/format";
import { unitPriceQ32 } from "@/format/names";
import { LineChart, type Marker, type Series } from "@/ui/line-chart";
import type { Answer } from "./use-package";

/** Drawn numbers in words again. */
const units = (value: number) => BigInt(Math.round(value * 10 ** QUOTE_DECIMALS));
const dollars = (value: number) => usd(units(value), { digits: Math.abs(value) < 100 ? 2 : 0 });
const perUnit = (value: number) => price(units(value));

interface Props {
  venue: Venue;
  underlying: number;
  answer: Answer;
}

export function PayoffChart({ venue, underlying, answer }: Props) {
  const { range, payoff, package: found } = answer;
  const drawn = useMemo(() => {
    const x = (markQ32: bigint) =>
      toNumber(unitPriceQ32(venue, underlying, markQ32), QUOTE_DECIMALS);
    const points = found.points.filter(
      ({ markQ32 }) => markQ32 >= range.lowQ32 && markQ32 <= range.highQ32,
    );
    const series: Series[] = [
      {
        name: "Settled",
        tone: "accent",
        dash: "solid",
        points: points.map(({ markQ32, atExpiry }) => ({
          x: x(markQ32),
          y: toNumber(atExpiry, QUOTE_DECIMALS),
        })),
      },
      {
        name: "Now",
        tone: "ink",
        dash: "dashed",
        points: points.map(({ markQ32, now }) => ({
          x: x(markQ32),
          y: toNumber(now, QUOTE_DECIMALS),
        })),
      },
    ];
    const mark = venue.underlyings[underlying]?.markQ32 ?? null;
    const markers: Marker[] = [
      ...(mark === null ? [] : [{ name: "Mark", x: x(mark), tone: "soft" as const }]),
      ...payoff.breakEvensQ32.map((at) => ({
        name: "Break-even",
        x: x(at),
        tone: "warn" as const,
      })),
    ];
    return { series, markers };
  }, [venue, underlying, found, range, payoff]);
  const { best, worst, breakEvensQ32 } = payoff;
  const evens = breakEvensQ32.map((at) => price(unitPriceQ32(venue, underlying, at)));
  return (
    <LineChart
      label="Profit and loss of the package"
      summary={`Once settled it gains ${best === null ? "without limit" : `at most ${usd(best)}`} and loses ${worst === null ? "without limit" : `at most ${usd(worst < 0n ? -worst : 0n)}`}; break-even ${evens.length === 0 ? "nowhere" : `at ${evens.join(" and ")}`}.`}
      series={drawn.series}
      markers={drawn.markers}
      xName={`Price of ${venue.underlyings[underlying]?.name ?? "the underlying"}`}
      yName="Profit"
      formatX={perUnit}
      formatY={dollars}
      height={220}
    />
  );
}
