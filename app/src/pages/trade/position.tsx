/** The account's position in the market that is traded. */
import { Link } from "@tanstack/react-router";
import { exactUsd, price, usd } from "@/format/format";
import { formatLots, underlyingName, unitPriceQ32 } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { useLiquidationMarks } from "@/state/liquidation";
import { Button } from "@/ui/button";
import { Figure, Figures } from "@/ui/card";
import { Badge, Empty, Signed } from "@/ui/feedback";
import { LiquidationPrices } from "./liquidation-prices";
import { usePosition, type MarketView } from "./view";

export function Position({ view, onClose }: { view: MarketView; onClose: (lots: bigint) => void }) {
  const { venue, market, key, name, phase } = view;
  const { underlying, kind } = market.terms;
  const { selected, role } = useAccounts();
  const position = usePosition(key);
  const marks = useLiquidationMarks(selected).get(underlying);
  if (!selected) {
    return (
      <Empty title="No account">
        <Link to="/" className="text-accent underline">
          Open one on the portfolio page.
        </Link>
      </Empty>
    );
  }
  if (!position) return <Empty title={`No position in ${name}`} />;
  const { lots, breakEvenQ32, markQ32, profit, funding } = position;
  const at = (perLotQ32: bigint | null) =>
    perLotQ32 === null ? "–" : price(unitPriceQ32(venue, underlying, perLotQ32));
  const money = (value: bigint) => (
    <Signed value={value}>
      <span title={exactUsd(value)}>{usd(value, { sign: true })}</span>
    </Signed>
  );
  return (
    <div className="grid gap-4 p-4">
      <Figures className="grid-cols-2 sm:grid-cols-4">
        <Figure name="Side and size">
          <span data-testid="position-lots" data-value={lots.toString()}>
            <Badge tone={lots > 0n ? "up" : lots < 0n ? "down" : "neutral"}>
              {lots > 0n ? "Long" : lots < 0n ? "Short" : "Closed"}
            </Badge>{" "}
            {formatLots(venue, underlying, lots)} {underlyingName(venue, underlying)}
          </span>
        </Figure>
        <Figure
          name="Break-even"
          title="The price at which closing leaves neither profit nor loss, fees and funding included"
        >
          {at(breakEvenQ32)}
        </Figure>
        <Figure name="Mark">{at(markQ32)}</Figure>
        <Figure name="Value">{usd(position.value)}</Figure>
        <Figure name="Profit or loss" title="What closing at the mark would leave, not settled yet">
          {money(profit)}
        </Figure>
        {kind === "perpetual" && (
          <Figure name="Funding" title="Since it was last settled; included in profit or loss">
            {money(funding)}
          </Figure>
        )}
        <Figure name="Liquidation">
          <LiquidationPrices {...{ venue, underlying, marks }} />
        </Figure>
      </Figures>
      {lots !== 0n && role !== "viewer" && (phase === "active" || phase === "reduceOnly") && (
        <div>
          <Button onClick={() => onClose(lots)}>Close position…</Button>
        </div>
      )}
    </div>
  );
}
