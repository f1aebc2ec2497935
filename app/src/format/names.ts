/** What people call assets, underlyings and markets, and the scale of their numbers. The command line calls them the same. */
import type { Terms, Venue, VenueUnderlying } from "@/engine/types";
import { formatDecimal, mulDiv } from "./decimal";
import { QUOTE_DECIMALS } from "./format";

/** Ticker of an asset: what its price feed is the price of. Assets that share one have their number behind it. */
export function assetName(venue: Venue, index: number): string {
  const ticker = (at: number) => venue.feeds[venue.assets[at]?.feed ?? -1]?.name.split("/")[0];
  const name = ticker(index);
  if (!name) return `#${index}`;
  const isShared = venue.assets.slice(0, index).some((asset) => ticker(asset.index) === name);
  return isShared ? `${name}#${index}` : name;
}

/** Ticker of an underlying. */
export function underlyingName(venue: Venue, index: number): string {
  return venue.underlyings[index]?.name ?? `#${index}`;
}

/** The usual time of day of an expiry, UTC. */
export const EXPIRY_OF_DAY_S = 8 * 3600;

/** `20261225`, with the minute when it is not the usual time of day. */
export function expiryName(unix: number): string {
  const text = new Date(unix * 1000).toISOString();
  const date = text.slice(0, 10).replaceAll("-", "");
  return unix % 86_400 === EXPIRY_OF_DAY_S
    ? date
    : `${date}T${text.slice(11, 16).replace(":", "")}`;
}

/** SOL-PERP, SOL-20261225, SOL-20261225-150-C. */
export function marketName(venue: Venue, terms: Terms): string {
  const name = underlyingName(venue, terms.underlying);
  if (terms.kind === "perpetual") return `${name}-PERP`;
  const dated = `${name}-${expiryName(terms.expiry)}`;
  if (terms.kind === "future") return dated;
  const strike = formatDecimal(unitPrice(venue, terms.underlying, terms.strike), QUOTE_DECIMALS, {
    group: false,
  });
  return `${dated}-${strike}-${terms.kind === "call" ? "C" : "P"}`;
}

function listed(venue: Venue, underlying: number): Pick<VenueUnderlying, "decimals" | "lotSize"> {
  return venue.underlyings[underlying] ?? { decimals: 0, lotSize: 1n };
}

/** Base units in one whole unit of an underlying. */
function whole(venue: Venue, underlying: number): bigint {
  return 10n ** BigInt(listed(venue, underlying).decimals);
}

/** A price per lot as quote units per whole unit, rounded down. */
export function unitPrice(venue: Venue, underlying: number, perLot: bigint): bigint {
  return mulDiv(perLot, whole(venue, underlying), listed(venue, underlying).lotSize);
}

/** A price per lot in Q32 as quote units per whole unit, rounded down. */
export function unitPriceQ32(venue: Venue, underlying: number, perLotQ32: bigint): bigint {
  return mulDiv(perLotQ32, whole(venue, underlying), listed(venue, underlying).lotSize << 32n);
}

/** A price per whole unit as quote units per lot; nothing when it is between two. */
export function lotPrice(venue: Venue, underlying: number, perUnit: bigint): bigint | null {
  const product = perUnit * listed(venue, underlying).lotSize;
  const unit = whole(venue, underlying);
  return product % unit === 0n ? product / unit : null;
}

/** Digits after the point that a size of an underlying has: lots are whole. */
export function sizeDecimals(venue: Venue, underlying: number): number {
  return listed(venue, underlying).decimals;
}

/** Lots as a size in base units: with {@link sizeDecimals} digits after the point. */
export function lotsToSize(venue: Venue, underlying: number, lots: bigint): bigint {
  return lots * listed(venue, underlying).lotSize;
}

/** A size in base units as lots; nothing when it is no whole number of them. */
export function sizeToLots(venue: Venue, underlying: number, size: bigint): bigint | null {
  const { lotSize } = listed(venue, underlying);
  return size % lotSize === 0n ? size / lotSize : null;
}

/** Lots as people write them: `1.25`. */
export function formatLots(venue: Venue, underlying: number, lots: bigint, sign = false): string {
  return formatDecimal(lotsToSize(venue, underlying, lots), sizeDecimals(venue, underlying), {
    sign,
  });
}

/** A tick, quote units per lot, as a price per whole unit. */
export function formatTick(venue: Venue, underlying: number, tick: bigint): string {
  return formatDecimal(unitPrice(venue, underlying, tick), QUOTE_DECIMALS);
}
