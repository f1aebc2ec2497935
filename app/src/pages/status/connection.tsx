/** How this page is connected. */
import { BALLAST_PROGRAM_ADDRESS } from "@/client";
import { short, span, time } from "@/format/format";
import { explorerUrl } from "@/network";
import { useLive, useNow, useStatus } from "@/state/live";
import { Card, Figure, Figures } from "@/ui/card";
import { Badge } from "@/ui/feedback";

const STATES = {
  connecting: { word: "Connecting", tone: "warn" },
  live: { word: "Live", tone: "up" },
  polling: { word: "Polling", tone: "warn" },
  lost: { word: "Disconnected", tone: "down" },
  absent: { word: "No exchange", tone: "down" },
} as const;

export function ConnectionCard() {
  const { mirror } = useLive();
  const status = useStatus();
  const now = useNow();
  const { network, slot } = mirror;
  const { word, tone } = STATES[status.state];
  const link = (address: string) => (
    <a
      href={explorerUrl(network, "address", address)}
      target="_blank"
      rel="noreferrer"
      title={address}
      className="text-accent underline"
    >
      {short(address)}
    </a>
  );
  return (
    <Card title="Connection">
      <Figures className="grid-cols-2 sm:grid-cols-4 xl:grid-cols-8">
        <Figure name="State">
          <Badge tone={tone}>{word}</Badge>
          {status.state === "polling" && (
            <span className="block text-xs text-soft">every two seconds</span>
          )}
          {status.state === "lost" && (
            <span className="block text-xs text-soft">
              for {span(now - status.since)}: {status.reason}
            </span>
          )}
        </Figure>
        <Figure name="Cluster">{network.name}</Figure>
        <Figure name="RPC">{new URL(network.rpcUrl).host}</Figure>
        <Figure name="Slot">
          <span data-testid="slot" data-value={slot.toString()}>
            {slot.toLocaleString("en")}
          </span>
        </Figure>
        <Figure name="Cluster time">{time(now)}</Figure>
        <Figure name="Exchange">{link(network.exchange)}</Figure>
        <Figure name="Program">{link(BALLAST_PROGRAM_ADDRESS)}</Figure>
        <Figure name="Accounts">{mirror.accounts.size.toLocaleString("en")}</Figure>
      </Figures>
    </Card>
  );
}
