/** The insurance fund: a margin account of the exchange. */
import { address } from "@solana/kit";
import type { Venue } from "@/engine/types";
import { formatDecimal } from "@/format/decimal";
import { exactUsd, short, usd } from "@/format/format";
import { assetName, formatLots, marketName } from "@/format/names";
import { explorerUrl, useNetwork } from "@/network";
import { useAssessment } from "@/state/live";
import { Card, Figure, Figures } from "@/ui/card";
import { Empty } from "@/ui/feedback";

export function InsuranceCard({ venue }: { venue: Venue }) {
  const network = useNetwork();
  const fund = useAssessment(address(venue.insuranceFund));
  return (
    <Card
      title="Insurance fund"
      actions={
        <a
          href={explorerUrl(network, "address", venue.insuranceFund)}
          target="_blank"
          rel="noreferrer"
          title={venue.insuranceFund}
          className="text-xs text-accent underline"
        >
          {short(venue.insuranceFund)}
        </a>
      }
    >
      {!fund ? (
        <Empty title="The fund's account has not been read" />
      ) : (
        <Figures className="grid-cols-2 sm:grid-cols-4">
          <Figure name="Equity" title={exactUsd(fund.totals.equityMark)}>
            <span
              data-testid="insurance-equity"
              data-value={fund.totals.equityMark.toString()}
              className="text-lg"
            >
              {usd(fund.totals.equityMark)}
            </span>
          </Figure>
          {fund.balances.map(({ asset, amount }) => (
            <Figure key={asset} name={`${assetName(venue, asset)} balance`}>
              {formatDecimal(amount, venue.assets[asset]?.decimals ?? 0)}
            </Figure>
          ))}
          {fund.positions.map(({ terms, lots }) => {
            const name = marketName(venue, terms);
            return (
              <Figure key={name} name={name}>
                {formatLots(venue, terms.underlying, lots, true)}
              </Figure>
            );
          })}
          {fund.balances.length === 0 && fund.positions.length === 0 && (
            <Figure name="Balances">None</Figure>
          )}
        </Figures>
      )}
    </Card>
  );
}
