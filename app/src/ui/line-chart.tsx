/** Lines over a common axis: profit over price, for instance. Its numbers are for drawing, never for amounts. */
import { useCallback, useMemo, useState } from "react";
import { classes } from "./classes";
import { heightAt, stack, ticks, type Point } from "./scale";

type Tone = "accent" | "ink" | "soft" | "up" | "down" | "warn";
type Dash = "solid" | "dashed" | "dotted";

/** A line; lines differ by dash as well as by colour. */
export interface Series {
  name: string;
  tone: Tone;
  dash: Dash;
  /** Rising in `x`. */
  points: readonly Point[];
}

/** A vertical line with a word on it. One beyond the axis is not drawn. */
export interface Marker {
  name: string;
  x: number;
  tone: Tone;
}

interface Props {
  /** Names the chart. */
  label: string;
  /** What it shows in a sentence or two, for whoever does not see it. */
  summary: string;
  series: readonly Series[];
  /** The values beside the names are those at the first one until another place is chosen. */
  markers?: readonly Marker[];
  /** What runs along the axes. */
  xName: string;
  yName: string;
  formatX: (x: number) => string;
  formatY: (y: number) => string;
  /** Pixels. */
  height?: number;
}

const STROKE: Record<Tone, string> = {
  accent: "stroke-accent",
  ink: "stroke-ink",
  soft: "stroke-soft",
  up: "stroke-up",
  down: "stroke-down",
  warn: "stroke-warn",
};
const FILL: Record<Tone, string> = {
  accent: "fill-accent",
  ink: "fill-ink",
  soft: "fill-soft",
  up: "fill-up",
  down: "fill-down",
  warn: "fill-warn",
};
const DASHES: Record<Dash, string | undefined> = {
  solid: undefined,
  dashed: "7 4",
  dotted: "2 3",
};

/** Pixels of a character of the axes, of a row of labels, under the axis, and of a tick. */
const CHARACTER = 6.3;
const ROW = 15;
const FOOT = 22;
const TICK_X = 90;
const TICK_Y = 48;
/** Rows of the table that stands for the chart. */
const TABLE_ROWS = 13;

/** The width of an element, followed. */
function useWidth() {
  const [width, setWidth] = useState(640);
  const ref = useCallback((element: HTMLElement | null) => {
    if (!element) return;
    const observer = new ResizeObserver(([entry]) => {
      if (entry) setWidth(Math.max(200, Math.floor(entry.contentRect.width)));
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return { width, ref };
}

function bounds(values: readonly number[]): { low: number; high: number } {
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  return low < high ? { low, high } : { low: low - 1, high: high + 1 };
}

/** A chart as wide as its place, with a crosshair for pointer and arrow keys. */
export function LineChart({
  label,
  summary,
  series,
  markers = [],
  xName,
  yName,
  formatX,
  formatY,
  height = 280,
}: Props) {
  const { width, ref } = useWidth();
  const [chosen, setChosen] = useState<number | null>(null);
  const places = useMemo(
    () =>
      [...new Set(series.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b),
    [series],
  );
  const frame = useMemo(() => {
    const x = bounds(places);
    const raw = bounds([0, ...series.flatMap(({ points }) => points.map((point) => point.y))]);
    const margin = (raw.high - raw.low) * 0.06;
    return { x, y: { low: raw.low - margin, high: raw.high + margin } };
  }, [places, series]);

  if (places.length < 2) return null;

  const yTicks = ticks(frame.y.low, frame.y.high, Math.max(2, Math.floor(height / TICK_Y)));
  const left = Math.max(...yTicks.map((tick) => formatY(tick).length)) * CHARACTER + 8;
  const right = width - 8;
  const xTicks = ticks(frame.x.low, frame.x.high, Math.max(2, Math.floor((right - left) / TICK_X)));
  const atX = (x: number) =>
    left + ((x - frame.x.low) / (frame.x.high - frame.x.low)) * (right - left);

  const shown = markers
    .filter(({ x }) => x >= frame.x.low && x <= frame.x.high)
    .map((marker) => {
      const half = (marker.name.length * CHARACTER) / 2;
      const middle = Math.min(Math.max(atX(marker.x), left + half), right - half);
      return { ...marker, middle, start: middle - half - 4, end: middle + half + 4 };
    });
  const rows = stack(shown);
  const top = 6 + ROW * (rows.length ? Math.max(...rows) + 1 : 0);
  const bottom = height - FOOT;
  const atY = (y: number) =>
    bottom - ((y - frame.y.low) / (frame.y.high - frame.y.low)) * (bottom - top);

  const nearest = (x: number) =>
    places.reduce((best, place, index) => {
      const before = places[best] ?? Infinity;
      return Math.abs(place - x) < Math.abs(before - x) ? index : best;
    }, 0);
  const first = shown[0];
  const index = Math.min(
    chosen ?? (first ? nearest(first.x) : Math.floor(places.length / 2)),
    places.length - 1,
  );
  const place = chosen === null && first ? first.x : (places[index] ?? frame.x.low);
  const values = series.map((line) => ({ ...line, value: heightAt(line.points, place) }));
  const words = values.map(
    ({ name, value }) => `${name} ${value === null ? "unknown" : formatY(value)}`,
  );

  return (
    <figure ref={ref} className="relative min-w-0">
      <svg role="img" aria-label={`${label}. ${summary}`} width={width} height={height}>
        {yTicks.map((tick) => (
          <g key={tick}>
            <line
              x1={left}
              x2={right}
              y1={atY(tick)}
              y2={atY(tick)}
              className={tick === 0 ? "stroke-soft" : "stroke-line"}
            />
            <text
              x={left - 6}
              y={atY(tick)}
              dy="0.32em"
              textAnchor="end"
              className="fill-soft text-[11px]"
            >
              {formatY(tick)}
            </text>
          </g>
        ))}
        {xTicks.map((tick) => {
          const half = (formatX(tick).length * CHARACTER) / 2;
          return (
            <text
              key={tick}
              x={Math.min(Math.max(atX(tick), left + half), right - half)}
              y={height - 6}
              textAnchor="middle"
              className="fill-soft text-[11px]"
            >
              {formatX(tick)}
            </text>
          );
        })}
        {shown.map((marker, at) => (
          <g key={`${marker.name} ${marker.x}`}>
            <line
              x1={atX(marker.x)}
              x2={atX(marker.x)}
              y1={ROW * ((rows[at] ?? 0) + 1)}
              y2={bottom}
              strokeDasharray="3 3"
              className={STROKE[marker.tone]}
            />
            <text
              x={marker.middle}
              y={ROW * (rows[at] ?? 0) + 11}
              textAnchor="middle"
              className={classes("text-[11px] font-medium", FILL[marker.tone])}
            >
              {marker.name}
            </text>
          </g>
        ))}
        {series.map(({ name, tone, dash, points }) => (
          <polyline
            key={name}
            points={points.map(({ x, y }) => `${atX(x)},${atY(y)}`).join(" ")}
            fill="none"
            strokeWidth={2}
            strokeLinejoin="round"
            strokeDasharray={DASHES[dash]}
            className={STROKE[tone]}
          />
        ))}
        {chosen !== null && (
          <line x1={atX(place)} x2={atX(place)} y1={top} y2={bottom} className="stroke-ink" />
        )}
        {chosen !== null &&
          values.map(
            ({ name, tone, value }) =>
              value !== null && (
                <circle key={name} cx={atX(place)} cy={atY(value)} r={4} className={FILL[tone]} />
              ),
          )}
      </svg>
      <input
        type="range"
        min={0}
        max={places.length - 1}
        value={index}
        aria-label={`${label}: ${xName} to look at`}
        aria-valuetext={`${formatX(place)}: ${words.join(", ")}`}
        onChange={(event) => setChosen(Number(event.target.value))}
        onPointerMove={(event) => {
          const box = event.currentTarget.getBoundingClientRect();
          const part = (event.clientX - box.left) / box.width;
          setChosen(nearest(frame.x.low + part * (frame.x.high - frame.x.low)));
        }}
        onPointerLeave={() => setChosen(null)}
        onBlur={() => setChosen(null)}
        style={{ left, top, width: right - left, height: bottom - top }}
        className="peer absolute m-0 cursor-crosshair touch-pan-y opacity-0"
      />
      <div
        aria-hidden
        style={{ left, top, width: right - left, height: bottom - top }}
        className="pointer-events-none absolute rounded-sm outline-accent peer-focus-visible:outline-2"
      />
      <figcaption
        aria-hidden
        className="flex flex-wrap items-center gap-x-4 gap-y-1 pt-2 text-xs text-soft"
      >
        <span>
          {yName} at {formatX(place)}
        </span>
        {values.map(({ name, tone, dash, value }) => (
          <span key={name} className="inline-flex items-center gap-1.5">
            <svg width={24} height={8} aria-hidden>
              <line
                x1={0}
                x2={24}
                y1={4}
                y2={4}
                strokeWidth={2}
                strokeDasharray={DASHES[dash]}
                className={STROKE[tone]}
              />
            </svg>
            {name}
            <span className="font-medium text-ink">{value === null ? "–" : formatY(value)}</span>
          </span>
        ))}
      </figcaption>
      <ChartTable {...{ label, xName, formatX, formatY, series, places }} />
    </figure>
  );
}

/** The chart in some numbers, for whoever does not see it. */
function ChartTable({
  label,
  xName,
  formatX,
  formatY,
  series,
  places,
}: Pick<Props, "label" | "xName" | "formatX" | "formatY" | "series"> & { places: number[] }) {
  const rows = Math.min(TABLE_ROWS, places.length);
  const chosen = Array.from(
    { length: rows },
    (_, row) => places[Math.round((row * (places.length - 1)) / (rows - 1))] ?? 0,
  );
  return (
    <div className="sr-only">
      <table>
        <caption>{label}</caption>
        <thead>
          <tr>
            <th scope="col">{xName}</th>
            {series.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {chosen.map((place) => (
            <tr key={place}>
              <th scope="row">{formatX(place)}</th>
              {series.map(({ name, points }) => {
                const value = heightAt(points, place);
                return <td key={name}>{value === null ? "unknown" : formatY(value)}</td>;
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
