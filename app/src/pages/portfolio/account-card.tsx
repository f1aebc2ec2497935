import type { Address } from "@solana/kit";
import { useState } from "react";
import type { Assessment } from "@/engine/types";
import { explorerUrl, useNetwork } from "@/network";
import { short } from "@/format/format";
import { useAccounts } from "@/state/accounts";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Card, Figure, Figures } from "@/ui/card";
import { Dialog } from "@/ui/dialog";
import { DelegateForm } from "./delegate-form";
import { OpenAccountForm } from "./open-account";

/** Whose account this is, and what its owner may do with it. */
export function AccountCard({ account, assessment }: { account: Address; assessment: Assessment }) {
  const { role, select } = useAccounts();
  const { send, isBusy, obstacle } = useTransact();
  const [open, setOpen] = useState<"delegate" | "another" | null>(null);
  const { owner, delegate, subAccount } = assessment.account;
  const isEmpty =
    assessment.balances.length === 0 &&
    assessment.positions.length === 0 &&
    assessment.orders.length === 0;
  const close = () => setOpen(null);

  async function closeAccount() {
    const title = `Close account ${subAccount}`;
    const isDone = await send(title, (actions) => [actions.closeAccount(account)], [account]);
    if (isDone) select(null);
  }

  return (
    <Card title="Account">
      <div className="grid gap-4">
        <Figures className="grid-cols-2 lg:grid-cols-4">
          <Figure name="Sub-account">{subAccount}</Figure>
          <Figure name="Address">
            <Explorer address={account} />
          </Figure>
          <Figure name="Owner">
            <Explorer address={owner} />
          </Figure>
          <Figure name="Delegate" title="May trade and cancel, never withdraw">
            {delegate === null ? "none" : <Explorer address={delegate} />}
          </Figure>
        </Figures>
        {role === "delegate" && (
          <p className="text-sm text-soft">
            You are its delegate: you may trade, cancel and deposit. Only the owner can withdraw.
          </p>
        )}
        {role === "owner" && (
          <div className="flex flex-wrap items-center gap-2">
            <Button onClick={() => setOpen("delegate")}>
              {delegate === null ? "Set a delegate" : "Change the delegate"}
            </Button>
            <Button onClick={() => setOpen("another")}>Open another account</Button>
            <Button
              disabled={!isEmpty || isBusy || obstacle !== null}
              aria-describedby="close-account-says"
              onClick={() => void closeAccount()}
            >
              Close this account
            </Button>
            <span id="close-account-says" className="text-xs text-soft">
              {obstacle ??
                (isEmpty
                  ? "Its rent comes back to your wallet."
                  : "It can be closed once it has no balances, positions and orders.")}
            </span>
          </div>
        )}
      </div>
      <Dialog
        open={open === "delegate"}
        onOpenChange={close}
        title="Delegate"
        description="Another wallet that may trade and cancel for this account, and never take anything out of it."
      >
        <DelegateForm account={account} current={delegate} onDone={close} />
      </Dialog>
      <Dialog open={open === "another"} onOpenChange={close} title="Open another account">
        <OpenAccountForm onDone={close} />
      </Dialog>
    </Card>
  );
}

function Explorer({ address }: { address: string }) {
  const network = useNetwork();
  return (
    <a
      href={explorerUrl(network, "address", address)}
      target="_blank"
      rel="noreferrer"
      title={address}
      className="underline decoration-line underline-offset-2 hover:decoration-accent"
    >
      {short(address)}
    </a>
  );
}
