import { fromQ32 } from "@/engine/engine";
import type { Assessment, Doubt, Venue } from "@/engine/types";
import { exactUsd, percent, span, usd } from "@/format/format";
import { formatDecimal } from "@/format/decimal";
import { underlyingName } from "@/format/names";
import { useVenue } from "@/state/live";
import { Card, Figure, Figures } from "@/ui/card";
import { classes } from "@/ui/classes";
import { Badge, Notice } from "@/ui/feedback";
import { ratioText, standingOf, STANDING_WORDS, type Standing } from "./health";

const TONES = { healthy: "up", near: "warn", liquidatable: "down", inLiquidation: "down" } as const;
const BARS = {
  healthy: "bg-up",
  near: "bg-warn",
  liquidatable: "bg-down",
  inLiquidation: "bg-down",
} as const;

/** How healthy the account is, and the figures that decide it. */
export function Summary({ assessment }: { assessment: Assessment }) {
  const venue = useVenue();
  const { totals } = assessment;
  const standing = standingOf(assessment);
  return (
    <Card title="Health" actions={<Badge tone={TONES[standing]}>{STANDING_WORDS[standing]}</Badge>}>
      <div className="grid gap-4">
        <Meter assessment={assessment} standing={standing} />
        {standing !== "healthy" && <Danger {...{ assessment, standing, venue }} />}
        {assessment.doubts.length > 0 && (
          <Notice tone="warn" title="Counted with caution">
            {assessment.doubts.map((doubt) => doubtWords(venue, doubt)).join("; ")}.
            {assessment.refusal && " Nothing that adds risk is possible until that has changed."}
          </Notice>
        )}
        <Figures className="grid-cols-2 sm:grid-cols-3 lg:grid-cols-7">
          <Money
            name="Equity"
            testId="equity"
            value={totals.equityMark}
            title="Everything at its mark, without haircuts"
          />
          <Money
            name="Free collateral"
            testId="health-initial"
            value={totals.healthInitial}
            title="Initial health: equity after haircuts less initial margin. New risk needs it"
          />
          <Money
            name="Maintenance health"
            testId="health-maintenance"
            value={totals.healthMaintenance}
            title="Equity after haircuts less maintenance margin. Below zero the account can be liquidated"
          />
          <Money
            name="Initial margin"
            testId="initial-margin"
            value={totals.initialMargin}
            title="What positions and loans need when risk is added"
          />
          <Money
            name="Maintenance margin"
            testId="maintenance-margin"
            value={totals.maintenanceMargin}
            title="What positions and loans need to stay"
          />
          <Figure name="Margin ratio" title="Maintenance margin over equity after haircuts">
            {ratioText(totals)}
          </Figure>
          <Figure name="Leverage" title="Sum of the deltas of all underlyings over equity">
            {totals.leverageQ32 === null
              ? "no equity"
              : `${formatDecimal((totals.leverageQ32 * 100n) >> 32n, 2, { min: 2 })}×`}
          </Figure>
        </Figures>
      </div>
    </Card>
  );
}

function Money({
  name,
  testId,
  value,
  title,
}: {
  name: string;
  testId: string;
  value: bigint;
  title: string;
}) {
  return (
    <Figure name={name} title={title} className="text-base">
      <span
        data-testid={testId}
        data-value={value.toString()}
        title={exactUsd(value)}
        className={classes(value < 0n && "text-down")}
      >
        {usd(value)}
      </span>
    </Figure>
  );
}

/** The margin ratio as a bar that is full where a liquidation can begin. */
function Meter({ assessment, standing }: { assessment: Assessment; standing: Standing }) {
  const { totals } = assessment;
  const ratio = totals.marginRatioQ32;
  const filled = ratio === null ? 100 : Math.min(100, fromQ32(ratio) * 100);
  const text = `${ratioText(totals)}, ${STANDING_WORDS[standing]}`;
  return (
    <div>
      <div
        role="meter"
        aria-label="Margin ratio"
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(filled)}
        aria-valuetext={text}
        className="relative h-3 overflow-hidden rounded-full bg-raised"
      >
        <div
          className={classes("h-full rounded-full", BARS[standing])}
          style={{ width: `${filled}%` }}
        />
      </div>
      <div className="mt-1 flex justify-between text-xs text-soft">
        <span>Maintenance margin is {ratioText(totals)} of equity</span>
        <span>100%: liquidation</span>
      </div>
    </div>
  );
}

/** What a liquidation would mean, and what is missing to be safe from it. */
function Danger({
  assessment,
  standing,
  venue,
}: {
  assessment: Assessment;
  standing: Standing;
  venue: Venue;
}) {
  const { totals, account } = assessment;
  const { discountStartQ32, discountFirstQ32, first } = venue.liquidation;
  const missing = totals.bufferMargin - totals.equityMaintenance;
  return (
    <Notice
      tone={standing === "near" ? "warn" : "down"}
      title={
        standing === "inLiquidation"
          ? `In liquidation, auction at ${span(account.auctionElapsed)}`
          : standing === "liquidatable"
            ? "Anybody can liquidate this account now"
            : "A liquidation is near"
      }
    >
      <p>
        In a liquidation orders are cancelled, and others take over the same part of every balance
        and position, at a discount on equity that begins at {percent(discountStartQ32)} and grows
        to {percent(discountFirstQ32)} within {span(first)}, then further. It ends once equity is
        back above {usd(totals.bufferMargin)}.
      </p>
      <p>
        {missing > 0n
          ? `${usd(missing)} more collateral (after haircuts) would end the danger. `
          : ""}
        Deposit, repay, or reduce positions.
      </p>
    </Notice>
  );
}

function doubtWords(venue: Venue, doubt: Doubt): string {
  if (doubt.kind === "surface")
    return `the volatility surface of ${underlyingName(venue, doubt.underlying)} is old`;
  const name = venue.feeds[doubt.feed]?.name ?? `feed ${doubt.feed}`;
  const age = doubt.age === null ? "" : ` (${span(doubt.age)} old)`;
  const words = {
    fresh: "is fresh",
    wide: "is uncertain",
    stale: `is stale${age}`,
    never: "has never been set",
  };
  return `the price ${name} ${words[doubt.validity]}${doubt.divergent ? " and apart from its second source" : ""}`;
}
