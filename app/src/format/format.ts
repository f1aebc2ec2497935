/** Money, rates and times for people. */
import { Q32_ONE } from "@/engine/engine";
import { abs, formatDecimal } from "./decimal";

/** Quote units are millionths of a USDC. */
export const QUOTE_DECIMALS = 6;

/** Dollars and cents: `−$1,234.50`. The whole number is in the `title` of {@link exactUsd}. */
export function usd(quoteUnits: bigint, options: { sign?: boolean; digits?: number } = {}): string {
  const digits = options.digits ?? 2;
  const text = formatDecimal(abs(quoteUnits), QUOTE_DECIMALS, { min: digits, max: digits });
  const isZero = /^[0.,]*$/.test(text);
  const mark = isZero ? "" : quoteUnits < 0n ? "−" : options.sign ? "+" : "";
  return `${mark}$${text}`;
}

/** Every digit there is. */
export function exactUsd(quoteUnits: bigint): string {
  return `${formatDecimal(quoteUnits, QUOTE_DECIMALS, { min: 2 })} USDC`;
}

/** A price per whole unit of an underlying, with as many digits as it needs to tell two ticks apart. */
export function price(quoteUnits: bigint): string {
  const size = abs(quoteUnits);
  const digits = size >= 10_000_000_000n ? 1 : size >= 10_000_000n ? 2 : size >= 100_000n ? 4 : 6;
  return formatDecimal(quoteUnits, QUOTE_DECIMALS, { min: Math.min(2, digits), max: digits });
}

/** A fraction in Q32 as percent: `12.5%`. */
export function percent(q32: bigint, options: { digits?: number; sign?: boolean } = {}): string {
  const digits = options.digits ?? 2;
  const scaled = (q32 * 100_000_000n) / Q32_ONE;
  return `${formatDecimal(scaled, 6, { min: 0, max: digits, sign: options.sign ?? false })}%`;
}

/** `3d 04h`, `12m 05s`. */
export function span(seconds: number): string {
  const size = Math.max(0, Math.floor(Math.abs(seconds)));
  const [days, hours] = [Math.floor(size / 86_400), Math.floor((size % 86_400) / 3_600)];
  const [minutes, rest] = [Math.floor((size % 3_600) / 60), size % 60];
  const two = (value: number) => value.toString().padStart(2, "0");
  if (days > 0) return `${days}d ${two(hours)}h`;
  if (hours > 0) return `${hours}h ${two(minutes)}m`;
  if (minutes > 0) return `${minutes}m ${two(rest)}s`;
  return `${rest}s`;
}

const DAY = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** The day of an expiry, UTC: `25 Dec 2026`. */
export function day(unix: number): string {
  return DAY.format(unix * 1000);
}

/** A time in the reader's own zone, to the second. */
export function time(unix: number): string {
  return new Date(unix * 1000).toLocaleString(undefined, {
    dateStyle: "medium",
    timeStyle: "medium",
  });
}

/** The beginning and the end of an address. */
export function short(address: string): string {
  return address.length > 12 ? `${address.slice(0, 4)}…${address.slice(-4)}` : address;
}
