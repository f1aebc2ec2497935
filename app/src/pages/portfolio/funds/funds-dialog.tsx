/** Money into the account, out of it, and between accounts of one owner. */
import { useState } from "react";
import { Dialog } from "@/ui/dialog";
import { Notice } from "@/ui/feedback";
import type { Address } from "@solana/kit";
import { useAccounts } from "@/state/accounts";
import { FundsForm } from "./funds-form";
import { MOVEMENT_WORDS, type Movement } from "./movement";

/** What the dialog is opened for. */
export interface FundsRequest {
  movement: Movement;
  asset: number;
}

const DESCRIPTIONS: Record<Movement, string> = {
  deposit: "From your wallet into this account, where it earns interest and backs your positions.",
  withdraw: "From this account to your wallet.",
  borrow: "A loan against what is in this account, paid out to your wallet.",
  repay: "From your wallet, for what this account owes.",
  transfer: "Between your own accounts. No token leaves the exchange.",
};

/** `request` is nothing while the dialog is closed. */
export function FundsDialog({
  account,
  request,
  onClose,
}: {
  account: Address;
  request: FundsRequest | null;
  onClose: () => void;
}) {
  const { own, role, owner } = useAccounts();
  const [last, setLast] = useState(request);
  if (request !== null && request !== last) setLast(request);
  if (!last) return null;
  const subAccount = own.find(({ address }) => address === account)?.subAccount;
  const name = subAccount === undefined ? "" : ` · account ${subAccount}`;
  return (
    <Dialog
      open={request !== null}
      onOpenChange={(open) => !open && onClose()}
      title={`${MOVEMENT_WORDS[last.movement]}${name}`}
      description={DESCRIPTIONS[last.movement]}
    >
      {role !== "owner" && owner && (
        <div className="mb-4">
          <Notice tone="warn" title="This account is not yours">
            <p className="break-all">It belongs to {owner}.</p>
            <p>Only its owner can take out what you put in.</p>
          </Notice>
        </div>
      )}
      <FundsForm
        key={`${last.movement} ${last.asset}`}
        account={account}
        movement={last.movement}
        asset={last.asset}
        onDone={onClose}
      />
    </Dialog>
  );
}
