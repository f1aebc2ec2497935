/**
 * Amounts as people write them. Everything is an integer of a smallest unit with a number of decimals; nothing passes through a float.
 */

/** Why a text is no amount. */
export class DecimalError extends Error {}

/** Digits in groups of three: `1,234` and `12 345`, never `0,125`, which somebody means as a fraction. */
const GROUPED = /^[+-]?[1-9]\d{0,2}(?:([\s_,'’])\d{3})(?:\1\d{3})*$/;

/**
 * Reads `1,234.5` with six decimals as 1234500000n. Spaces, commas and underscores may group whole thousands; a comma is never a decimal point.
 * @throws DecimalError in words for the person who typed.
 */
export function parseDecimal(text: string, decimals: number): bigint {
  const [integer = "", ...rest] = text.trim().split(".");
  const grouped = GROUPED.test(integer) ? integer.replace(/[\s_,'’]/g, "") : integer;
  const plain = [grouped, ...rest].join(".");
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(plain);
  const whole = match?.[2] ?? "";
  const part = match?.[3] ?? "";
  if (!match || (whole === "" && part === "")) {
    throw new DecimalError(
      plain.includes(",") ? "Write decimals with a point, as 1.5" : "Not a number",
    );
  }
  const significant = part.replace(/0+$/, "");
  if (significant.length > decimals) {
    throw new DecimalError(
      decimals === 0 ? "Whole numbers only" : `At most ${decimals} digits after the point`,
    );
  }
  const units = BigInt(whole + significant.padEnd(decimals, "0") || "0");
  if (units >= 1n << 63n) throw new DecimalError("Too large");
  return match[1] === "-" ? -units : units;
}

/** How a number is written. */
export interface DecimalFormat {
  /** Least and most digits after the point; what is beyond is rounded half away from zero. */
  min?: number;
  max?: number;
  /** Groups of thousands. On unless it is for an input. */
  group?: boolean;
  /** A plus before what is above zero. */
  sign?: boolean;
}

/** Writes `units` of 10^-decimals. */
export function formatDecimal(units: bigint, decimals: number, format: DecimalFormat = {}): string {
  const { min = 0, max = decimals, group = true, sign = false } = format;
  let size = units < 0n ? -units : units;
  let digits = decimals;
  if (max < decimals) {
    const unit = 10n ** BigInt(decimals - max);
    size = (size + unit / 2n) / unit;
    digits = max;
  }
  const text = size.toString().padStart(digits + 1, "0");
  let whole = text.slice(0, text.length - digits);
  let part = text.slice(text.length - digits);
  while (part.length > min && part.endsWith("0")) part = part.slice(0, -1);
  part = part.padEnd(min, "0");
  if (group) whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const mark = size === 0n ? "" : units < 0n ? "−" : sign ? "+" : "";
  return `${mark}${whole}${part ? `.${part}` : ""}`;
}

/** For an input: no grouping, a plain minus. */
export function editDecimal(units: bigint, decimals: number): string {
  return formatDecimal(units, decimals, { group: false }).replace("−", "-");
}

/** A size without its sign. */
export function abs(value: bigint): bigint {
  return value < 0n ? -value : value;
}

/** `a × b / c`, rounded down (towards minus infinity). */
export function mulDiv(a: bigint, b: bigint, c: bigint): bigint {
  const product = a * b;
  const quotient = product / c;
  return product % c !== 0n && product < 0n !== c < 0n ? quotient - 1n : quotient;
}

/** Only for charts and widths, never for amounts. */
export function toNumber(units: bigint, decimals: number): number {
  return Number(units) / 10 ** decimals;
}
