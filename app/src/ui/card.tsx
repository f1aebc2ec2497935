import type { ReactNode } from "react";
import { classes } from "./classes";

interface Props {
  /** Names the region for screen readers as well. */
  title?: ReactNode;
  /** Stands opposite to the title. */
  actions?: ReactNode;
  className?: string;
  /** Without space around the content, for tables. */
  flush?: boolean;
  children: ReactNode;
}

/** A titled part of a page. */
export function Card({ title, actions, className, flush, children }: Props) {
  return (
    <section
      aria-label={typeof title === "string" ? title : undefined}
      className={classes("min-w-0 rounded-lg border bg-surface", className)}
    >
      {(title !== undefined || actions !== undefined) && (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 border-b px-4 py-1.5">
          <h2 className="text-sm font-semibold">{title}</h2>
          {actions}
        </header>
      )}
      <div className={flush ? "" : "p-4"}>{children}</div>
    </section>
  );
}

/** Figures with their names. */
export function Figures({ children, className }: { children: ReactNode; className?: string }) {
  return <dl className={classes("grid gap-x-4 gap-y-3", className)}>{children}</dl>;
}

interface FigureProps {
  name: ReactNode;
  /** Said when the pointer rests on it, and to screen readers. */
  title?: string;
  /** One line: the name on the left, the value on the right. */
  inline?: boolean;
  className?: string;
  children: ReactNode;
}

/** One figure of {@link Figures}. */
export function Figure({ name, title, inline, className, children }: FigureProps) {
  return (
    <div title={title} className={inline ? "flex items-baseline justify-between gap-3" : ""}>
      <dt className="text-xs text-soft">{name}</dt>
      <dd className={classes("font-medium", inline && "text-right", className)}>{children}</dd>
    </div>
  );
}
