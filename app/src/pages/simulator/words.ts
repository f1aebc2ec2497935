/** Figures of the simulator as people read them. Floats only for what is drawn. */
import { formatDecimal } from "@/format/decimal";
import { span } from "@/format/format";

/** The sides of a trade. */
export const SIDES = [
  { value: "buy", text: "Buy", tone: "buy" },
  { value: "sell", text: "Sell", tone: "sell" },
] as const;
export type LegSide = (typeof SIDES)[number]["value"];

/** Hundredths of a percent: `−20%`. */
export function moveText(move: number): string {
  return `${formatDecimal(BigInt(move), 2, { sign: true })}%`;
}

/** Hours: `7d 00h`. */
export function timeText(hours: number): string {
  return span(hours * 3_600);
}

const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** Dollars on an axis: `−$1.2K`. */
export function axisUsd(dollars: number): string {
  const size = Math.abs(dollars);
  return `${dollars < 0 ? "−" : ""}$${COMPACT.format(size)}`;
}

/** A price on an axis, with as many digits as it needs. */
export function axisPrice(dollars: number): string {
  const digits = dollars >= 1_000 ? 0 : dollars >= 10 ? 1 : dollars >= 1 ? 2 : 4;
  return `$${dollars.toLocaleString("en-US", { maximumFractionDigits: digits })}`;
}
