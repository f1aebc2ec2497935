/** States in words, and shares. */
import { Q32_ONE } from "@/engine/engine";
import type { FeedSource, Instruction, PriceValidity } from "@/engine/types";
import { short, span } from "@/format/format";

export const VALIDITY: Record<PriceValidity, { word: string; tone: "up" | "warn" | "down" }> = {
  fresh: { word: "Fresh", tone: "up" },
  wide: { word: "Uncertain", tone: "warn" },
  stale: { word: "Stale", tone: "down" },
  never: { word: "No price yet", tone: "down" },
};

export function sourceWords(source: FeedSource): { word: string; detail?: string } {
  switch (source.kind) {
    case "pythPull":
      return { word: `Pyth, pulled ${short(source.feedId)}`, detail: source.feedId };
    case "pythPush":
      return { word: `Pyth, pushed ${short(source.address)}`, detail: source.address };
    case "unknown":
      return { word: "Unknown" };
  }
}

/** `placeAndFill` as `place and fill`. */
export function instructionWords(instruction: Instruction): string {
  return instruction.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** How long ago something was. */
export const ago = (seconds: number | null) =>
  seconds === null ? "never" : `${span(seconds)} ago`;

/** A part of a whole in Q32; of nothing, nothing. */
export function shareQ32(part: bigint, whole: bigint): bigint {
  return whole <= 0n ? 0n : (part * Q32_ONE) / whole;
}

/** Caps from here on are none. */
const NO_CAP = 1n << 63n;

/** How much of a cap is used; nothing when there is no cap. */
export function capUsedQ32(used: bigint, cap: bigint): bigint | null {
  return cap >= NO_CAP ? null : shareQ32(used, cap);
}
