/** Cost, risk and sensitivities of a package, before fees where they are not named. */
import { QUOTE_ASSET } from "@/chain/layout";
import type { Venue } from "@/engine/types";
import { formatDecimal } from "@/format/decimal";
import { exactUsd, price, usd } from "@/format/format";
import { sizeDecimals, unitPriceQ32 } from "@/format/names";
import { Figure, Figures } from "@/ui/card";
import { Signed } from "@/ui/feedback";
import type { Answer } from "./use-package";

interface Props {
  venue: Venue;
  underlying: number;
  answer: Answer;
}

export function PackageFigures({ venue, underlying, answer }: Props) {
  const { premium, payoff, whatIf, package: found } = answer;
  const fees = whatIf.fees
    .filter(({ asset }) => asset === QUOTE_ASSET)
    .reduce((sum, { amount }) => sum + amount, 0n);
  const greeks = found.alone.underlyings.find((figures) => figures.underlying === underlying);
  const used = whatIf.after.totals.initialMargin - whatIf.before.totals.initialMargin;
  const evens = payoff.breakEvensQ32.map((at) => price(unitPriceQ32(venue, underlying, at)));
  const bound = (value: bigint | null) => (value === null ? "Unlimited" : usd(value));
  return (
    <Figures className="grid-cols-2 sm:grid-cols-5">
      <Figure
        name={premium < 0n ? "Premium received" : "Premium paid"}
        title={exactUsd(premium < 0n ? -premium : premium)}
      >
        <span data-testid="package-premium" data-value={premium.toString()}>
          {usd(premium < 0n ? -premium : premium)}
        </span>
      </Figure>
      <Figure name="Fees" title={exactUsd(fees)}>
        <span data-testid="package-fees" data-value={fees.toString()}>
          {usd(fees)}
        </span>
      </Figure>
      <Figure name="Largest profit">
        <Signed value={payoff.best ?? 1n}>{bound(payoff.best)}</Signed>
      </Figure>
      <Figure name="Largest loss">
        {payoff.worst !== null && payoff.worst >= 0n ? (
          "None"
        ) : (
          <Signed value={-1n}>{bound(payoff.worst)}</Signed>
        )}
      </Figure>
      <Figure name={evens.length > 1 ? "Break-evens" : "Break-even"}>
        {evens.length === 0 ? "None" : evens.join(", ")}
      </Figure>
      <Figure
        name="Initial margin used"
        title="Initial margin of the account after less before; negative when the package hedges it"
      >
        <span data-testid="package-margin" data-value={used.toString()}>
          {usd(used, { sign: true })}
        </span>
      </Figure>
      {greeks && (
        <>
          <Figure name="Delta" title={`Like so many ${venue.underlyings[underlying]?.name ?? ""}`}>
            {formatDecimal(greeks.deltaUnits, sizeDecimals(venue, underlying), {
              max: 4,
              sign: true,
            })}
          </Figure>
          <Figure name="Gamma (1%)" title="Change of the delta per rise of the price by 1%">
            {usd(greeks.gamma, { sign: true })}
          </Figure>
          <Figure name="Vega" title="Change of value per volatility point">
            {usd(greeks.vega, { sign: true })}
          </Figure>
          <Figure name="Theta" title="Change of value per day that passes">
            {usd(greeks.theta, { sign: true })}
          </Figure>
        </>
      )}
    </Figures>
  );
}
