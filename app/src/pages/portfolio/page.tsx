import { useAccounts } from "@/state/accounts";
import { useAssessment, useStatus } from "@/state/live";
import { Empty, Loading } from "@/ui/feedback";
import { useWallet } from "@/wallet/context";
import { AccountView } from "./account-view";
import { OpenAccount } from "./open-account";
import { Welcome } from "./welcome";

/** What the shown margin account is worth, what it risks, and everything in it. */
export function PortfolioPage() {
  const { selected } = useAccounts();
  const { connected } = useWallet();
  const status = useStatus();
  const assessment = useAssessment(selected);
  return (
    <>
      <h1 className="sr-only">Portfolio</h1>
      {selected && assessment ? (
        <AccountView key={selected} account={selected} assessment={assessment} />
      ) : status.state === "connecting" ? (
        <Loading rows={6} label="Reading accounts" />
      ) : selected ? (
        <Empty title="There is no such account">
          The exchange has no margin account {selected}. It may have been closed, or belong to
          another exchange or cluster.
        </Empty>
      ) : connected ? (
        <OpenAccount />
      ) : (
        <Welcome />
      )}
    </>
  );
}
