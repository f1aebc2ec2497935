/** What an action would do to the health of an account. */
import type { ReactNode } from "react";
import type { ChangeRefusal, Totals } from "@/engine/types";
import { exactUsd, usd } from "@/format/format";
import { engineWords } from "@/transactions/words";
import { classes } from "@/ui/classes";
import { Notice } from "@/ui/feedback";
import { ratioText } from "./health";

/** A figure that is not among the totals: a liquidation price, for instance. */
export interface ProjectedFigure {
  name: string;
  before: ReactNode;
  after: ReactNode;
}

interface Props {
  before: Totals;
  /** Nothing while there is no amount yet. */
  after: Totals | null;
  /** What the program would refuse; none when the action is allowed. */
  refusals?: readonly ChangeRefusal[];
  rows?: readonly ProjectedFigure[];
  /** For screen readers, when a page has several. */
  caption?: string;
}

/** Health before and after, and why the action is not allowed. */
export function Projection({
  before,
  after,
  refusals = [],
  rows = [],
  caption = "Health before and after",
}: Props) {
  return (
    <div className="grid gap-2">
      <table className="w-full text-sm">
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr className="text-xs text-soft">
            <th scope="col" className="text-left font-medium">
              Health
            </th>
            <th scope="col" className="text-right font-medium">
              Now
            </th>
            <th scope="col" className="text-right font-medium">
              After
            </th>
          </tr>
        </thead>
        <tbody>
          <Money name="Initial" at="healthInitial" before={before} after={after} />
          <Money name="Maintenance" at="healthMaintenance" before={before} after={after} />
          <Row
            name="Margin ratio"
            before={ratioText(before)}
            after={after ? ratioText(after) : "–"}
          />
          {rows.map((row) => (
            <Row key={row.name} {...row} />
          ))}
        </tbody>
      </table>
      <Refusals refusals={refusals} />
    </div>
  );
}

/** Why something is not allowed, in words; nothing when it is. */
export function Refusals({ refusals }: { refusals: readonly ChangeRefusal[] }) {
  const failures = [...new Map(refusals.map(({ failure }) => [failure.name, failure])).values()];
  if (failures.length === 0) return null;
  return (
    <Notice tone="down" title="Not possible now">
      {failures.map(({ name, message }) => {
        const { what, advice } = engineWords(name, message);
        return (
          <p key={name}>
            {what} {advice}
          </p>
        );
      })}
    </Notice>
  );
}

function Money({
  name,
  at,
  before,
  after,
}: {
  name: string;
  at: "healthInitial" | "healthMaintenance";
  before: Totals;
  after: Totals | null;
}) {
  return (
    <Row
      name={name}
      before={<span title={exactUsd(before[at])}>{usd(before[at])}</span>}
      after={
        after ? (
          <span
            data-testid={at === "healthInitial" ? "projected-initial" : "projected-maintenance"}
            data-value={after[at].toString()}
            title={exactUsd(after[at])}
            className={classes(after[at] < 0n && "text-down")}
          >
            {usd(after[at])}
          </span>
        ) : (
          "–"
        )
      }
    />
  );
}

function Row({ name, before, after }: ProjectedFigure) {
  return (
    <tr className="border-t">
      <th scope="row" className="py-1 text-left font-normal text-soft">
        {name}
      </th>
      <td className="py-1 text-right">{before}</td>
      <td className="py-1 text-right font-medium">{after}</td>
    </tr>
  );
}
