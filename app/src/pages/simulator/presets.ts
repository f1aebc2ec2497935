/** Scenes that one asks about often: what markets do. Trades and transfers stay as they are. */
import type { Venue } from "@/engine/types";
import type { Scene } from "./scene";

interface Preset {
  name: string;
  /** Hundredths of a percent, for every underlying. */
  price: number;
  implied: number;
  realised: number;
  hours: number;
}

export const PRESETS: readonly Preset[] = [
  { name: "Everything −20%", price: -2_000, implied: 0, realised: 0, hours: 0 },
  { name: "Everything +20%", price: 2_000, implied: 0, realised: 0, hours: 0 },
  {
    name: "Crash −40%, volatility +100%",
    price: -4_000,
    implied: 10_000,
    realised: 10_000,
    hours: 0,
  },
  { name: "A week passes", price: 0, implied: 0, realised: 0, hours: 7 * 24 },
  { name: "Flat", price: 0, implied: 0, realised: 0, hours: 0 },
];

/** The scene with the markets of a preset. */
export function applyPreset(scene: Scene, preset: Preset, venue: Venue): Scene {
  const { price, implied, realised, hours } = preset;
  const isFlat = price === 0 && implied === 0 && realised === 0;
  const moves = isFlat
    ? []
    : venue.underlyings.map(({ index }) => ({ underlying: index, price, implied, realised }));
  return { ...scene, moves, hours };
}
