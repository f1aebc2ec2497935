/** Margin before and after the scene, and what the program would refuse. */
import { QUOTE_ASSET } from "@/chain/layout";
import type { Totals, Venue, WhatIfAnswer } from "@/engine/types";
import { abs, formatDecimal } from "@/format/decimal";
import { exactUsd, usd } from "@/format/format";
import { assetName, marketName } from "@/format/names";
import { ratioText, standingOf, STANDING_WORDS, type Standing } from "@/pages/portfolio/health";
import { engineWords } from "@/transactions/words";
import { Card } from "@/ui/card";
import { Badge, Notice, Signed } from "@/ui/feedback";
import { actionsOf, changesOf, type Scene } from "./scene";

const TONES: Record<Standing, "up" | "warn" | "down"> = {
  healthy: "up",
  near: "warn",
  liquidatable: "down",
  inLiquidation: "down",
};

const MONEY = [
  { name: "Equity", at: "equityMark", id: "equity" },
  { name: "Initial margin", at: "initialMargin", id: "initial-margin" },
  { name: "Maintenance margin", at: "maintenanceMargin", id: "maintenance-margin" },
  { name: "Initial health", at: "healthInitial", id: "health-initial" },
  { name: "Maintenance health", at: "healthMaintenance", id: "health-maintenance" },
] as const;

/** Exposure over equity: `2.5×`. */
function leverageText({ leverageQ32 }: Totals): string {
  return leverageQ32 === null ? "no equity" : `${formatDecimal((leverageQ32 * 100n) >> 32n, 2)}×`;
}

interface Props {
  venue: Venue;
  scene: Scene;
  answer: WhatIfAnswer;
}

export function MarginCard({ venue, scene, answer }: Props) {
  const { before, after } = answer;
  const standing = standingOf(after);
  return (
    <Card
      title="Margin"
      actions={
        <span role="status">
          <Badge tone={TONES[standing]}>{STANDING_WORDS[standing]}</Badge>
        </span>
      }
    >
      <div className="grid gap-3">
        <table className="w-full text-sm">
          <caption className="sr-only">Margin before and after</caption>
          <thead>
            <tr className="text-xs text-soft">
              <th scope="col" className="text-left font-medium">
                <span className="sr-only">Figure</span>
              </th>
              <th scope="col" className="text-right font-medium">
                Before
              </th>
              <th scope="col" className="text-right font-medium">
                After
              </th>
              <th scope="col" className="text-right font-medium max-sm:hidden">
                Change
              </th>
            </tr>
          </thead>
          <tbody>
            {MONEY.map((row) => (
              <MoneyRow key={row.id} {...row} before={before.totals} after={after.totals} />
            ))}
            <TextRow
              name="Margin ratio"
              before={ratioText(before.totals)}
              after={ratioText(after.totals)}
            />
            <TextRow
              name="Leverage"
              before={leverageText(before.totals)}
              after={leverageText(after.totals)}
            />
          </tbody>
        </table>
        <Fees venue={venue} answer={answer} />
        <Refused venue={venue} scene={scene} answer={answer} />
        {after.refusal && (
          <Notice tone="warn" title="At the last known prices">
            {engineWords(after.refusal.name, after.refusal.message).what}
          </Notice>
        )}
      </div>
    </Card>
  );
}

function MoneyRow({
  name,
  at,
  id,
  before,
  after,
}: (typeof MONEY)[number] & { before: Totals; after: Totals }) {
  const cell = (when: string, value: bigint) => (
    <span
      data-testid={`${when}-${id}`}
      data-value={value.toString()}
      title={exactUsd(value)}
      className={value < 0n ? "text-down" : ""}
    >
      {usd(value)}
    </span>
  );
  const change = after[at] - before[at];
  return (
    <tr className="border-t">
      <th scope="row" className="py-1.5 text-left font-normal text-soft">
        {name}
      </th>
      <td className="py-1.5 text-right">{cell("before", before[at])}</td>
      <td className="py-1.5 text-right font-medium">{cell("after", after[at])}</td>
      <td className="py-1.5 text-right max-sm:hidden">
        {id.endsWith("margin") ? (
          usd(change, { sign: true })
        ) : (
          <Signed value={change}>{usd(change, { sign: true })}</Signed>
        )}
      </td>
    </tr>
  );
}

function TextRow({ name, before, after }: { name: string; before: string; after: string }) {
  return (
    <tr className="border-t">
      <th scope="row" className="py-1.5 text-left font-normal text-soft">
        {name}
      </th>
      <td className="py-1.5 text-right">{before}</td>
      <td className="py-1.5 text-right font-medium">{after}</td>
      <td className="max-sm:hidden" />
    </tr>
  );
}

/** What trades and new loans cost, by asset. */
function Fees({ venue, answer }: Pick<Props, "venue" | "answer">) {
  const sums = new Map<number, bigint>();
  for (const { asset, amount } of answer.fees) sums.set(asset, (sums.get(asset) ?? 0n) + amount);
  if (sums.size === 0) return null;
  const text = [...sums]
    .map(([asset, amount]) =>
      asset === QUOTE_ASSET
        ? exactUsd(amount)
        : `${formatDecimal(abs(amount), venue.assets[asset]?.decimals ?? 0)} ${assetName(venue, asset)}`,
    )
    .join(", ");
  return <p className="text-xs text-soft">Fees included: {text}</p>;
}

/** What the program would refuse, each with the part of the scene that it is about. */
function Refused({ venue, scene, answer }: Props) {
  const actions = actionsOf(scene);
  const lines = answer.refusals.map(({ change, failure }) => {
    const action = actions[change];
    const what =
      action === undefined
        ? "The markets"
        : action.change.kind === "trade"
          ? `Trade ${action.index + 1} (${marketName(venue, action.change.terms)})`
          : `Transfer ${action.index + 1}`;
    const words = engineWords(failure.name, failure.message);
    return `${what}: ${[words.what, words.advice].filter(Boolean).join(" ")}`;
  });
  if (changesOf(scene).length > 0 && lines.length === 0 && actions.length > 0) {
    return <p className="text-sm text-up">The program would allow these trades and transfers.</p>;
  }
  if (lines.length === 0) return null;
  return (
    <Notice tone="down" title="The program would refuse">
      <ul className="list-disc pl-4">
        {[...new Set(lines)].map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </Notice>
  );
}
