/** The state of the exchange: prices, banks, markets, liquidations and the connection. Works without a wallet. */
import type { Venue } from "@/engine/types";
import { span, time } from "@/format/format";
import { useNow, useVenue } from "@/state/live";
import { Card } from "@/ui/card";
import { Badge } from "@/ui/feedback";
import { BanksCard } from "./banks";
import { ConnectionCard } from "./connection";
import { FeedsCard } from "./feeds";
import { InsuranceCard } from "./insurance";
import { InLiquidationCard, LiquidationsCard } from "./liquidations";
import { MarketsCard } from "./markets";
import { ParametersCard } from "./parameters";
import { UnderlyingsCard } from "./underlyings";
import { instructionWords } from "./words";

export function StatusPage() {
  const venue = useVenue();
  return (
    <>
      <h1 className="text-lg font-semibold">Status</h1>
      <ConnectionCard />
      <PausesCard venue={venue} />
      <FeedsCard venue={venue} />
      <BanksCard venue={venue} />
      <UnderlyingsCard venue={venue} />
      <MarketsCard venue={venue} />
      <div className="grid items-start gap-4 lg:grid-cols-2">
        <InsuranceCard venue={venue} />
        <InLiquidationCard />
      </div>
      <LiquidationsCard venue={venue} />
      <ParametersCard venue={venue} />
    </>
  );
}

function PausesCard({ venue: { paused, pauseEndsAt } }: { venue: Venue }) {
  const now = useNow();
  return (
    <Card title="Pauses">
      {paused.length === 0 ? (
        <p>
          <Badge tone="up">Nothing is paused</Badge>
        </p>
      ) : (
        <div className="grid gap-2">
          <ul aria-label="Paused instructions" className="flex flex-wrap gap-1.5">
            {paused.map((instruction) => (
              <li key={instruction}>
                <Badge tone="warn">{instructionWords(instruction)} paused</Badge>
              </li>
            ))}
          </ul>
          {pauseEndsAt !== null && (
            <p className="text-soft">
              Ends by itself in {span(pauseEndsAt - now)}, {time(pauseEndsAt)}, or before. Deposits,
              repayments and cancelling always go on.
            </p>
          )}
        </div>
      )}
    </Card>
  );
}
