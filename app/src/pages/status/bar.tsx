/** A part of a whole as a number and as a bar. */
import { fromQ32 } from "@/engine/engine";
import { percent } from "@/format/format";

export function Bar({ label, valueQ32 }: { label: string; valueQ32: bigint }) {
  const size = Math.min(100, Math.max(0, fromQ32(valueQ32) * 100));
  return (
    <div className="flex min-w-28 items-center justify-end gap-2">
      <div
        role="meter"
        aria-label={label}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(size)}
        aria-valuetext={percent(valueQ32)}
        className="h-1.5 w-16 overflow-hidden rounded bg-line"
      >
        <div className="h-full bg-accent" style={{ width: `${size}%` }} />
      </div>
      <span>{percent(valueQ32)}</span>
    </div>
  );
}
