import { useId } from "react";
import { short } from "@/format/format";
import { useAccounts } from "@/state/accounts";

/** Chooses among the accounts that the wallet owns or trades for. */
export function AccountSwitcher() {
  const { own, selected, role, select } = useAccounts();
  const id = useId();
  if (own.length === 0 && !selected) return null;
  const isForeign = selected !== null && !own.some((account) => account.address === selected);
  return (
    <div className="flex min-w-0 items-center gap-2">
      <label htmlFor={id} className="sr-only">
        Margin account
      </label>
      <select
        id={id}
        value={selected ?? ""}
        onChange={(event) =>
          select(own.find((account) => account.address === event.target.value)?.address ?? null)
        }
        className="h-9 max-w-44 min-w-0 rounded-md border bg-surface px-2 text-sm"
      >
        {!selected && <option value="">Choose an account</option>}
        {isForeign && <option value={selected}>{short(selected)} (looking only)</option>}
        {own.map((account) => (
          <option key={account.address} value={account.address}>
            {account.role === "owner"
              ? `Account ${account.subAccount}`
              : `${short(account.owner)} · ${account.subAccount} (delegate)`}
          </option>
        ))}
      </select>
      {role === "delegate" && (
        <span className="sr-only">You trade for this account as its delegate.</span>
      )}
    </div>
  );
}
