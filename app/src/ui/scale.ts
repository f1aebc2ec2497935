/** Axes and lines for drawing; floats, never amounts. */

/** A point of a line. */
export interface Point {
  x: number;
  y: number;
}

/** About `count` round numbers from `low` to `high`. */
export function ticks(low: number, high: number, count: number): number[] {
  if (!Number.isFinite(low) || !Number.isFinite(high) || high <= low || count < 1) return [];
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, index) => {
    const tick = Number(((first + index) * step).toPrecision(12));
    return tick === 0 ? 0 : tick;
  });
}

/** The height of a line, whose points rise in `x`, at a place; nothing beyond its ends. */
export function heightAt(points: readonly Point[], x: number): number | null {
  const after = points.findIndex((point) => point.x >= x);
  const right = points[after];
  if (!right) return null;
  if (right.x === x) return right.y;
  const left = points[after - 1];
  if (!left) return null;
  return left.y + ((right.y - left.y) * (x - left.x)) / (right.x - left.x);
}

/** Where a line crosses zero, by the straight lines between its points. */
export function zeros(points: readonly Point[]): number[] {
  const found: number[] = [];
  points.forEach((right, index) => {
    const left = points[index - 1];
    if (!left || left.y === 0 || left.y > 0 === right.y > 0) return;
    if (right.y === 0 && points[index + 1]?.y === 0) return;
    found.push(left.x + ((right.x - left.x) * left.y) / (left.y - right.y));
  });
  return found;
}

/** The row of every label, so that no two of a row overlap. */
export function stack(labels: readonly { start: number; end: number }[]): number[] {
  const rows: { start: number; end: number }[][] = [];
  return labels.map((label) => {
    const free = rows.findIndex((row) =>
      row.every((other) => label.end < other.start || label.start > other.end),
    );
    const row = free < 0 ? rows.length : free;
    (rows[row] ??= []).push(label);
    return row;
  });
}
