import type { Address } from "@solana/kit";
import type {
  Assessment,
  LiquidationMarksAnswer,
  ScenarioFigures,
  UnderlyingFigures,
  Venue,
} from "@/engine/types";
import { Q32_ONE } from "@/engine/engine";
import { formatDecimal } from "@/format/decimal";
import { exactUsd, percent, price, usd } from "@/format/format";
import { underlyingName, unitPriceQ32 } from "@/format/names";
import { useLiquidationMarks } from "@/state/liquidation";
import { useVenue } from "@/state/live";
import { Card, Figure, Figures } from "@/ui/card";
import { classes } from "@/ui/classes";
import { Badge, Empty, Signed } from "@/ui/feedback";
import { PriceState } from "./price-state";
import { scenarioWords } from "./scenarios";

/** What each underlying contributes to the margin, and in which scenario. */
export function Underlyings({ account, assessment }: { account: Address; assessment: Assessment }) {
  const venue = useVenue();
  const marks = useLiquidationMarks(account);
  return (
    <Card title="Risk by underlying" flush>
      {assessment.underlyings.length === 0 && (
        <Empty title="No market risk">Only what moves with a price is listed here.</Empty>
      )}
      <div className="divide-y">
        {assessment.underlyings.map((figures) => (
          <Underlying
            key={figures.underlying}
            figures={figures}
            venue={venue}
            marks={marks.get(figures.underlying)}
          />
        ))}
      </div>
    </Card>
  );
}

function Underlying({
  figures,
  venue,
  marks,
}: {
  figures: UnderlyingFigures;
  venue: Venue;
  marks: LiquidationMarksAnswer | undefined;
}) {
  const listed = venue.underlyings[figures.underlying];
  if (!listed) return null;
  const worst = figures.worstScenario === null ? null : figures.scenarios[figures.worstScenario];
  return (
    <section aria-label={listed.name} className="grid gap-3 p-4">
      <h3 className="flex flex-wrap items-center gap-2 text-sm font-semibold">
        {listed.name}
        <span className="font-normal text-soft">
          {price(unitPriceQ32(venue, figures.underlying, figures.markQ32))}
        </span>
        <PriceState feed={venue.feeds[listed.feed]} />
        {listed.surface.stale && <Badge tone="warn">old volatility surface</Badge>}
      </h3>
      <Figures className="grid-cols-2 sm:grid-cols-4 lg:grid-cols-7">
        <Money
          name="Contribution"
          title="By how much the maintenance margin would fall without this underlying; negative for a hedge"
          value={figures.contribution}
        />
        <Money
          name="Scan loss"
          title="The worst weighted loss of all scenarios"
          value={figures.scanLoss}
        />
        <Money
          name="Residual"
          title="The part of it that is not directional, and never offset"
          value={figures.residual}
        />
        <Money
          name="Contingencies"
          title={`For size ${usd(figures.sizeContingency)}, for short options ${usd(figures.optionContingency)}`}
          value={figures.sizeContingency + figures.optionContingency}
        />
        <Figure name="Scan range" title="How far the price moves in the scenarios">
          ±{percent(figures.rangeQ32, { digits: 1 })}
        </Figure>
        <Liquidation
          name="Liquidation below"
          marks={marks}
          side="belowQ32"
          {...{ venue, figures }}
        />
        <Liquidation
          name="Liquidation above"
          marks={marks}
          side="aboveQ32"
          {...{ venue, figures }}
        />
        <Figure
          name="Delta"
          title={`${usd(figures.delta + figures.optionDelta, { sign: true })} per relative change of the price`}
        >
          {formatDecimal(figures.deltaUnits, listed.decimals, { max: 4, sign: true })} {listed.name}
        </Figure>
        <Money
          name="Gamma"
          title="Change of the delta per rise by 1%"
          value={figures.gamma}
          signed
        />
        <Money name="Vega" title="Per volatility point" value={figures.vega} signed />
        <Money name="Theta" title="Per day that passes" value={figures.theta} signed />
        <Figure name="Worst scenario" className="whitespace-normal">
          {worst ? scenarioWords(worst, listed) : "none loses"}
        </Figure>
      </Figures>
      <details>
        <summary className="cursor-pointer text-sm text-soft hover:text-ink">
          All {figures.scenarios.length} scenarios of {underlyingName(venue, figures.underlying)}
        </summary>
        <Scenarios figures={figures} venue={venue} />
      </details>
    </section>
  );
}

function Money({
  name,
  title,
  value,
  signed = false,
}: {
  name: string;
  title: string;
  value: bigint;
  signed?: boolean;
}) {
  return (
    <Figure name={name} title={title}>
      <span title={exactUsd(value)}>{usd(value, { sign: signed })}</span>
    </Figure>
  );
}

function Liquidation({
  name,
  marks,
  side,
  venue,
  figures,
}: {
  name: string;
  marks: LiquidationMarksAnswer | undefined;
  side: "belowQ32" | "aboveQ32";
  venue: Venue;
  figures: UnderlyingFigures;
}) {
  const mark = marks?.[side];
  return (
    <Figure name={name} title="Price at which a liquidation could begin, everything else unchanged">
      {mark === undefined
        ? "…"
        : mark === null
          ? "none"
          : price(unitPriceQ32(venue, figures.underlying, mark))}
    </Figure>
  );
}

function Scenarios({ figures, venue }: { figures: UnderlyingFigures; venue: Venue }) {
  const listed = venue.underlyings[figures.underlying];
  if (!listed) return null;
  const label = `Scenarios of ${listed.name}`;
  const isWorst = (index: number) => index === figures.worstScenario;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
    <div role="region" aria-label={label} tabIndex={0} className="relative overflow-x-auto">
      <table className="mt-2 w-full max-w-2xl text-sm">
        <caption className="sr-only">
          Scenarios of {listed.name} with profit and counted loss
        </caption>
        <thead className="text-xs text-soft">
          <tr>
            <th scope="col" className="py-1 pr-3 text-left font-medium">
              Scenario
            </th>
            <th scope="col" className="py-1 pr-3 text-right font-medium">
              Profit
            </th>
            <th scope="col" className="py-1 pr-3 text-right font-medium">
              Weight
            </th>
            <th scope="col" className="py-1 text-right font-medium">
              Loss that counts
            </th>
          </tr>
        </thead>
        <tbody>
          {figures.scenarios.map((scenario: ScenarioFigures, index) => (
            <tr key={index} className={classes("border-t", isWorst(index) && "bg-raised")}>
              <th scope="row" className="py-1 pr-3 text-left font-normal whitespace-nowrap">
                {scenarioWords(scenario, listed)}{" "}
                {isWorst(index) && <Badge tone="warn">worst</Badge>}
              </th>
              <td className="py-1 pr-3 text-right">
                <Signed value={scenario.profit}>{usd(scenario.profit, { sign: true })}</Signed>
              </td>
              <td className="py-1 pr-3 text-right">
                {scenario.weightQ32 === Q32_ONE
                  ? "100%"
                  : percent(scenario.weightQ32, { digits: 0 })}
              </td>
              <td className="py-1 text-right">{usd(scenario.loss)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
