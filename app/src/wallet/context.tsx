/** The connected wallet, for everything below. */
import type { WalletAccount } from "@wallet-standard/base";
import {
  createContext,
  use,
  useCallback,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from "react";
import { address, type Address } from "@solana/kit";
import { isOnChain, onWallets, usableWallets, type SolanaWallet } from "./wallets";
import { useNetwork } from "@/network";

interface Connected {
  wallet: SolanaWallet;
  account: WalletAccount;
  address: Address;
  /** False when the wallet's account cannot sign for this page's cluster. */
  isOnNetwork: boolean;
}

interface WalletState {
  wallets: readonly SolanaWallet[];
  connected: Connected | null;
  connect: (wallet: SolanaWallet, silent?: boolean) => Promise<void>;
  disconnect: () => Promise<void>;
}

const WalletContext = createContext<WalletState | null>(null);
const STORED = "ballast.wallet";

export function WalletProvider({ children }: { children: ReactNode }) {
  const network = useNetwork();
  const wallets = useSyncExternalStore(onWallets, usableWallets);
  const [chosen, setChosen] = useState<{ wallet: SolanaWallet; account: WalletAccount } | null>(
    null,
  );

  const connect = useCallback(async (wallet: SolanaWallet, silent = false) => {
    const { accounts } = await wallet.features["standard:connect"].connect({ silent });
    const account = accounts[0] ?? wallet.accounts[0];
    if (!account) {
      if (silent) return;
      throw new Error(`${wallet.name} has given no account`);
    }
    localStorage.setItem(STORED, wallet.name);
    setChosen({ wallet, account });
  }, []);

  const disconnect = useCallback(async () => {
    localStorage.removeItem(STORED);
    setChosen(null);
    await chosen?.wallet.features["standard:disconnect"]?.disconnect();
  }, [chosen]);

  // Who was connected before is connected again, if his wallet allows it without asking.
  useEffect(() => {
    if (chosen) return;
    const before = wallets.find((wallet) => wallet.name === localStorage.getItem(STORED));
    if (before) connect(before, true).catch(() => localStorage.removeItem(STORED));
  }, [wallets, chosen, connect]);

  // Another account chosen in the wallet is another trader here.
  useEffect(() => {
    if (!chosen) return;
    return chosen.wallet.features["standard:events"]?.on("change", ({ accounts }) => {
      if (!accounts) return;
      const account = accounts[0];
      setChosen(account ? { wallet: chosen.wallet, account } : null);
    });
  }, [chosen]);

  const state = useMemo<WalletState>(
    () => ({
      wallets,
      connect,
      disconnect,
      connected: chosen && {
        ...chosen,
        address: address(chosen.account.address),
        isOnNetwork: isOnChain(chosen.account, network.chain),
      },
    }),
    [wallets, connect, disconnect, chosen, network.chain],
  );
  return <WalletContext value={state}>{children}</WalletContext>;
}

export function useWallet(): WalletState {
  const state = use(WalletContext);
  if (!state) throw new Error("outside of the wallet");
  return state;
}
