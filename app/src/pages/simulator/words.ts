/** Figures of the simulator as people read them. Floats only for what is drawn. */
import { EngineError } from "@/engine/engine";
import { formatDecimal } from "@/format/decimal";
import { span } from "@/format/format";
import { engineWords } from "@/transactions/words";

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

/** What the engine answers, or why it does not, in words. */
export type Tried<T> = { value: T; problem: null } | { value: null; problem: string };

export function attempt<T>(work: () => T): Tried<T> {
  try {
    return { value: work(), problem: null };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { value: null, problem: engineWords(error.name, error.message).what };
  }
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
