/** The drawing of prices over time, by lightweight-charts. */
import {
  AreaSeries,
  createChart,
  type IChartApi,
  type ISeriesApi,
  type UTCTimestamp,
} from "lightweight-charts";
import { useEffect, useRef } from "react";
import type { PricePoint } from "./price-history";

interface Props {
  /** Oldest first, at most one for each second. */
  points: readonly PricePoint[];
  format: (value: number) => string;
  label: string;
}

const HEIGHT = 288;

/** The theme's colours as they are now. */
function look() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const [line, accent] = [colour("line"), colour("accent")];
  return {
    chart: {
      layout: {
        background: { color: colour("surface") },
        textColor: colour("soft"),
        attributionLogo: true,
      },
      grid: { vertLines: { color: line }, horzLines: { color: line } },
      rightPriceScale: { borderColor: line },
      timeScale: { borderColor: line },
    },
    series: { lineColor: accent, topColor: `${accent}40`, bottomColor: `${accent}00` },
  };
}

export default function ChartCanvas({ points, format, label }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const drawn = useRef<{
    chart: IChartApi;
    series: ISeriesApi<"Area">;
    /** What is drawn: how many points, from which on. */
    count: number;
    first: number | undefined;
  } | null>(null);

  useEffect(() => {
    if (!holder.current) return;
    const { chart: theme, series: colours } = look();
    const chart = createChart(holder.current, {
      autoSize: true,
      ...theme,
      timeScale: { ...theme.timeScale, timeVisible: true, secondsVisible: true },
      localization: { priceFormatter: format },
      handleScroll: { vertTouchDrag: false },
    });
    const series = chart.addSeries(AreaSeries, { lineWidth: 2, ...colours });
    drawn.current = { chart, series, count: 0, first: undefined };
    const repaint = () => {
      const { chart: theme, series: colours } = look();
      chart.applyOptions(theme);
      series.applyOptions(colours);
    };
    addEventListener("ballast-theme", repaint);
    return () => {
      removeEventListener("ballast-theme", repaint);
      drawn.current = null;
      chart.remove();
    };
  }, [format]);

  useEffect(() => {
    const chart = drawn.current;
    if (!chart) return;
    const data = points.map(({ time, value }) => ({ time: time as UTCTimestamp, value }));
    const last = data.at(-1);
    const isContinued =
      chart.first === data[0]?.time &&
      (data.length === chart.count || data.length === chart.count + 1);
    if (last && isContinued) chart.series.update(last);
    else {
      chart.series.setData(data);
      chart.chart.timeScale().fitContent();
    }
    chart.count = data.length;
    chart.first = data[0]?.time;
  }, [points, format]);

  return <div ref={holder} role="group" aria-label={label} style={{ height: HEIGHT }} />;
}
