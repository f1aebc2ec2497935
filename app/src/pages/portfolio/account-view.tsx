import type { Address } from "@solana/kit";
import { useCallback, useEffect, useState } from "react";
import type { Assessment } from "@/engine/types";
import { AccountCard } from "./account-card";
import { Balances } from "./balances";
import { FundsDialog, type FundsRequest } from "./funds/funds-dialog";
import { Orders } from "./orders";
import { Positions } from "./positions";
import { Summary } from "./summary";
import { Underlyings } from "./underlyings";

/** One account, whoever looks at it. */
export function AccountView({ account, assessment }: { account: Address; assessment: Assessment }) {
  const [request, setRequest] = useState<FundsRequest | null>(null);
  const close = useCallback(() => setRequest(null), []);
  // When the first figures are there: what `cargo xtask app bench` measures.
  useEffect(() => void performance.mark("ballast-figures"), []);
  return (
    <div data-account={account} className="space-y-4">
      <Summary assessment={assessment} />
      <Balances assessment={assessment} onFunds={setRequest} />
      <Positions account={account} assessment={assessment} />
      <Orders account={account} assessment={assessment} />
      <Underlyings account={account} assessment={assessment} />
      <AccountCard account={account} assessment={assessment} />
      <FundsDialog account={account} request={request} onClose={close} />
    </div>
  );
}
