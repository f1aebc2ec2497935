/** Which margin account is shown, and what the connected wallet may do with it. */
import { address, isAddress, type Address } from "@solana/kit";
import { createContext, use, useEffect, useMemo, useState, type ReactNode } from "react";
import { findMarginAccountPda } from "@/client";
import { useNetwork } from "@/network";
import { useWallet } from "@/wallet/context";
import { useLive, useVersion } from "./live";

/** A margin account that the connected wallet may use. */
export interface OwnAccount {
  address: Address;
  owner: Address;
  subAccount: number;
  role: "owner" | "delegate";
}

interface Accounts {
  /** The connected wallet's, by number; then those it trades for. */
  own: OwnAccount[];
  /** The account that is shown; nothing while there is none. */
  selected: Address | null;
  /** What the wallet may do with it. A viewer may look. */
  role: "owner" | "delegate" | "viewer";
  /** Its owner, once it is known. */
  owner: Address | null;
  select: (account: Address | null) => void;
  /** The number that the next sub-account would have, and its address. */
  next: { subAccount: number; address: Address } | null;
}

const AccountsContext = createContext<Accounts | null>(null);

/** `viewed` is the account of the page's address: shown to anybody. */
export function AccountsProvider({
  viewed,
  onView,
  children,
}: {
  viewed: string | undefined;
  onView: (account: Address | null) => void;
  children: ReactNode;
}) {
  const network = useNetwork();
  const { mirror } = useLive();
  const { connected } = useWallet();
  const version = useVersion("accounts");
  const wallet = connected?.address ?? null;

  const own = useMemo(() => {
    if (!wallet) return [];
    const found: OwnAccount[] = [];
    for (const [key, { owner, delegate, subAccount }] of mirror.orders) {
      if (owner !== wallet && delegate !== wallet) continue;
      found.push({
        address: key,
        owner,
        subAccount,
        role: owner === wallet ? "owner" : "delegate",
      });
    }
    return found.sort((a, b) =>
      a.role === b.role ? a.subAccount - b.subAccount : a.role === "owner" ? -1 : 1,
    );
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the mirror has this version
  }, [mirror, wallet, version]);

  const [next, setNext] = useState<Accounts["next"]>(null);
  useEffect(() => {
    if (!wallet) return setNext(null);
    const used = new Set(
      own.filter(({ role }) => role === "owner").map((account) => account.subAccount),
    );
    let subAccount = 0;
    while (used.has(subAccount)) subAccount += 1;
    let isCurrent = true;
    void findMarginAccountPda({ exchange: network.exchange, owner: wallet, subAccount }).then(
      ([found]) => {
        if (isCurrent) setNext({ subAccount, address: found });
      },
    );
    return () => {
      isCurrent = false;
    };
  }, [own, wallet, network.exchange]);

  // Anybody can name any wallet as his delegate: such an account is shown only to who has chosen it.
  const first = own.find((account) => account.role === "owner")?.address ?? null;
  const selected = viewed && isAddress(viewed) ? address(viewed) : first;
  const role = own.find((account) => account.address === selected)?.role ?? "viewer";
  const owner = (selected && mirror.orders.get(selected)?.owner) ?? null;
  const accounts = useMemo<Accounts>(
    () => ({ own, selected, role, owner, select: onView, next }),
    [own, selected, role, owner, onView, next],
  );
  return <AccountsContext value={accounts}>{children}</AccountsContext>;
}

export function useAccounts(): Accounts {
  const accounts = use(AccountsContext);
  if (!accounts) throw new Error("outside of the accounts");
  return accounts;
}
