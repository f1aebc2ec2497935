/** Profit or health over prices and implied volatilities of an underlying. */
import { memo, useState } from "react";
import { fromQ32 } from "@/engine/engine";
import type { CurvePoint, Venue } from "@/engine/types";
import { toNumber } from "@/format/decimal";
import { exactUsd, price, QUOTE_DECIMALS } from "@/format/format";
import { underlyingName, unitPriceQ32 } from "@/format/names";
import { attempt } from "@/state/attempt";
import { useRisk } from "@/state/live";
import type { AccountKey } from "@/state/risk";
import { Card } from "@/ui/card";
import { classes } from "@/ui/classes";
import { Choice } from "@/ui/field";
import { Notice } from "@/ui/feedback";
import { actionsOf, factorQ32, movesOf, type Scene } from "./scene";
import { axisUsd, moveText, timeText } from "./words";

/** Prices to either side, and volatilities in hundredths of a percent. */
const STEPS = 4;
const VOLATILITIES = [-5_000, -2_500, 0, 5_000, 10_000];
const SHOWN = [
  { value: "profit", text: "Profit" },
  { value: "healthMaintenance", text: "Health" },
] as const;
type Shown = (typeof SHOWN)[number]["value"];

interface Props {
  venue: Venue;
  account: AccountKey;
  scene: Scene;
  underlying: number;
  /** Hundredths of a percent to either side. */
  reach: number;
}

export const GridCard = memo(function GridCard({
  venue,
  account,
  scene,
  underlying,
  reach,
}: Props) {
  const [shown, setShown] = useState<Shown>("profit");
  const prices = Array.from(
    { length: 2 * STEPS + 1 },
    (_, index) => ((STEPS - index) * reach) / STEPS,
  );
  const grid = useRisk(
    (risk) =>
      attempt(() =>
        risk.grid(account, {
          changes: [
            ...actionsOf(scene).map(({ change }) => change),
            ...movesOf(scene, { underlying, volatility: true }),
          ],
          underlying,
          priceFactorsQ32: prices.map(factorQ32),
          volatilityFactorsQ32: VOLATILITIES.map(factorQ32),
          seconds: scene.hours * 3_600,
        }),
      ),
    [account, scene, underlying, reach],
  );
  const name = underlyingName(venue, underlying);
  const title = `${name}: price and volatility${scene.hours > 0 ? `, after ${timeText(scene.hours)}` : ""}`;
  return (
    <Card
      title={title}
      flush
      actions={
        <Choice label="Shown in the grid" value={shown} options={SHOWN} onChange={setShown} />
      }
    >
      {grid.problem !== null ? (
        <Notice tone="warn">{grid.problem}</Notice>
      ) : (
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
        <div className="relative overflow-x-auto p-2" role="group" aria-label={title} tabIndex={0}>
          <table className="w-full border-separate border-spacing-0.5 text-xs">
            <caption className="sr-only">
              {shown === "profit" ? "Profit" : "Maintenance health"} by price of {name} and implied
              volatility
            </caption>
            <thead>
              <tr className="text-soft">
                <th scope="col" className="px-2 py-1 text-left font-medium">
                  Price
                </th>
                {VOLATILITIES.map((move) => (
                  <th key={move} scope="col" className="px-2 py-1 text-right font-medium">
                    {move === 0 ? "Vol. now" : `Vol. ${moveText(move)}`}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {grid.value.rows.map((row, index) => (
                <tr key={prices[index]}>
                  <th scope="row" className="px-2 py-1 text-left font-medium whitespace-nowrap">
                    {row[0] && `$${price(unitPriceQ32(venue, underlying, row[0].markQ32))}`}{" "}
                    <span className="text-soft">
                      {prices[index] === 0 ? "now" : moveText(prices[index] ?? 0)}
                    </span>
                  </th>
                  {row.map((point, at) => (
                    <Cell
                      key={VOLATILITIES[at]}
                      point={point}
                      shown={shown}
                      isNow={prices[index] === 0 && VOLATILITIES[at] === 0}
                    />
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
});

function Cell({ point, shown, isNow }: { point: CurvePoint; shown: Shown; isNow: boolean }) {
  const value = point[shown];
  const isLost = point.healthMaintenance < 0n;
  return (
    <td
      title={`${exactUsd(value)} at ${fromQ32(point.factorQ32).toFixed(2)} times the price`}
      className={classes(
        "rounded px-2 py-1 text-right whitespace-nowrap",
        isLost ? "bg-down-wash" : "bg-raised",
        isNow && "outline outline-accent",
      )}
    >
      <span className={value > 0n ? "text-up" : value < 0n ? "text-down" : ""}>
        {value > 0n ? "+" : ""}
        {axisUsd(toNumber(value, QUOTE_DECIMALS))}
      </span>
      {isLost && <span className="block text-[11px] font-medium text-down">liquidation</span>}
    </td>
  );
}
