import { CircleAlert, Info, TriangleAlert, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { classes } from "./classes";

type Tone = "neutral" | "up" | "down" | "warn";

const TONES: Record<Tone, string> = {
  neutral: "bg-raised text-ink",
  up: "bg-up-wash text-up",
  down: "bg-down-wash text-down",
  warn: "bg-warn-wash text-warn",
};

/** A short word about a state; the word says what the colour does. */
export function Badge({
  tone = "neutral",
  title,
  children,
}: {
  tone?: Tone;
  title?: string;
  children: ReactNode;
}) {
  return (
    <span
      title={title}
      className={classes(
        "inline-flex items-center gap-1 rounded px-1.5 py-0.5 text-xs font-medium whitespace-nowrap",
        TONES[tone],
      )}
    >
      {children}
    </span>
  );
}

const ICONS: Record<Tone, LucideIcon> = {
  neutral: Info,
  up: Info,
  down: CircleAlert,
  warn: TriangleAlert,
};

/** Something the reader should know. Warnings and errors are announced. */
export function Notice({
  tone = "neutral",
  title,
  children,
}: {
  tone?: Tone;
  title?: ReactNode;
  children?: ReactNode;
}) {
  const Icon = ICONS[tone];
  return (
    <div
      role={tone === "down" || tone === "warn" ? "alert" : "status"}
      className={classes("flex gap-2 rounded-md px-3 py-2 text-sm", TONES[tone])}
    >
      <Icon aria-hidden className="mt-0.5 size-4 shrink-0" />
      <div className="min-w-0">
        {title && <p className="font-semibold">{title}</p>}
        {children}
      </div>
    </div>
  );
}

/** Where something will be when it has been read. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={classes("h-4 animate-pulse rounded bg-raised", className)} />;
}

/** A part of a page that is being read. */
export function Loading({ rows = 3, label = "Loading" }: { rows?: number; label?: string }) {
  return (
    <div role="status" aria-label={label} className="grid gap-3 p-4">
      {Array.from({ length: rows }, (_, index) => (
        <Skeleton key={index} className={index % 2 ? "w-2/3" : "w-full"} />
      ))}
    </div>
  );
}

/** Nothing is there, and what one can do about it. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-2 px-4 py-8 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-prose text-sm text-soft">{children}</div>}
    </div>
  );
}

/** A gain or a loss: sign and colour. */
export function Signed({ value, children }: { value: bigint; children: ReactNode }) {
  return <span className={value > 0n ? "text-up" : value < 0n ? "text-down" : ""}>{children}</span>;
}
