/** What the exchange's margin, liquidation and fees are set to. */
import type { ReactNode } from "react";
import type { FeeFigures, Venue } from "@/engine/types";
import { Q32_ONE } from "@/engine/engine";
import { formatDecimal } from "@/format/decimal";
import { percent, span, usd } from "@/format/format";
import { underlyingName } from "@/format/names";
import { Card, Figure, Figures } from "@/ui/card";

/** A factor in Q32: `×1.25`. */
const times = (q32: bigint) => `×${formatDecimal((q32 * 10_000n) / Q32_ONE, 4)}`;
/** Hundredths of a percent. */
const bps = (value: number) => formatDecimal(BigInt(value), 4, { min: 2 });

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="grid content-start gap-2">
      <h3 className="text-sm font-semibold">{title}</h3>
      <Figures className="gap-y-1.5">{children}</Figures>
    </div>
  );
}

const feeWords = ({ makerQ32, takerQ32, fillerShareQ32 }: FeeFigures) =>
  `maker ${percent(makerQ32, { digits: 4 })}, taker ${percent(takerQ32, { digits: 4 })}, filler gets ${percent(fillerShareQ32)}`;

const optionFeeWords = (fees: FeeFigures) =>
  `${feeWords(fees)}; at most ${percent(fees.premiumCapQ32)} of the premium`;

export function ParametersCard({ venue }: { venue: Venue }) {
  const { liquidation: of, fees } = venue;
  return (
    <Card>
      <details>
        <summary className="cursor-pointer text-sm font-semibold">
          Parameters of the exchange
        </summary>
        <div className="mt-4 grid gap-6 sm:grid-cols-2 xl:grid-cols-4">
          <Part title="Margin">
            <Figure inline name="Initial over maintenance margin">
              {times(venue.initialFactorQ32)}
            </Figure>
            <Figure inline name="Largest offset across underlyings">
              {percent(venue.offsetMaxQ32)}
            </Figure>
            <Figure inline name="Factor per unit that USDC is below 0.99">
              {times(venue.depegMultiplierQ32)}
            </Figure>
            {venue.correlations.map(({ underlyings: [a, b], lowBps, highBps }) => (
              <Figure
                inline
                key={`${a}-${b}`}
                name={`Correlation of ${underlyingName(venue, a)} and ${underlyingName(venue, b)}`}
              >
                {bps(lowBps)} to {bps(highBps)}
              </Figure>
            ))}
          </Part>
          <Part title="Liquidation">
            <Figure inline name="Ends between maintenance and initial margin at">
              {percent(of.bufferQ32)}
            </Figure>
            <Figure inline name="Discount at the start">
              {percent(of.discountStartQ32)}
            </Figure>
            <Figure inline name={`Discount after ${span(of.first)}`}>
              {percent(of.discountFirstQ32)}
            </Figure>
            <Figure inline name="A solvent account costs nothing after">
              {span(of.zero)}
            </Figure>
            <Figure inline name="The fund's premium is full after">
              {span(of.premiumFull)}
            </Figure>
            <Figure inline name="Largest premium over maintenance margin">
              {percent(of.premiumQ32)}
            </Figure>
            <Figure inline name="The fund's share of the discount">
              {percent(of.insuranceShareQ32)}
            </Figure>
            <Figure inline name="Taken whole below">
              {usd(of.dustValue)}
            </Figure>
          </Part>
          <Part title="Fees">
            <Figure name="Perpetuals">{feeWords(fees.perpetual)}</Figure>
            <Figure name="Futures">{feeWords(fees.future)}</Figure>
            <Figure name="Calls">{optionFeeWords(fees.call)}</Figure>
            <Figure name="Puts">{optionFeeWords(fees.put)}</Figure>
          </Part>
          <Part title="Interest">
            {venue.assets.map((asset) => (
              <Figure
                key={asset.index}
                name={`${venue.feeds[asset.feed]?.name.split("/")[0] ?? `#${asset.index}`}: borrow rate from 0% to 100% utilisation`}
              >
                {asset.interestRatesQ32.map((rate) => percent(rate)).join(" → ")}
                <span className="block text-xs font-normal text-soft">
                  bends at {asset.interestKinksQ32.map((kink) => percent(kink)).join(" and ")};{" "}
                  {percent(asset.interestFeeQ32)} kept; {percent(asset.originationFeeQ32)} on new
                  loans
                </span>
              </Figure>
            ))}
          </Part>
        </div>
      </details>
    </Card>
  );
}
