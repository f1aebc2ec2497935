/** Wallets that the browser has, by the wallet standard. */
import { getWallets } from "@wallet-standard/app";
import type { Wallet, WalletAccount } from "@wallet-standard/base";
import type {
  StandardConnectFeature,
  StandardDisconnectFeature,
  StandardEventsFeature,
} from "@wallet-standard/features";
import {
  SolanaSignTransaction,
  type SolanaSignTransactionFeature,
} from "@solana/wallet-standard-features";

/** A wallet that can do what this page needs. */
export type SolanaWallet = Wallet & {
  features: StandardConnectFeature &
    SolanaSignTransactionFeature &
    Partial<StandardDisconnectFeature & StandardEventsFeature>;
};

function isSolanaWallet(wallet: Wallet): wallet is SolanaWallet {
  return (
    wallet.chains.some((chain) => chain.startsWith("solana:")) &&
    "standard:connect" in wallet.features &&
    SolanaSignTransaction in wallet.features
  );
}

const wallets = getWallets();
let known: readonly SolanaWallet[] = wallets.get().filter(isSolanaWallet);

/** Every usable wallet; the same array until one comes or goes. */
export function usableWallets(): readonly SolanaWallet[] {
  return known;
}

/** Calls when a wallet comes or goes. */
export function onWallets(call: () => void): () => void {
  const update = () => {
    known = wallets.get().filter(isSolanaWallet);
    call();
  };
  const stops = [wallets.on("register", update), wallets.on("unregister", update)];
  update();
  return () => stops.forEach((stop) => stop());
}

/** Whether a wallet's account can sign for a cluster. */
export function isOnChain(account: WalletAccount, chain: string): boolean {
  return account.chains.includes(chain as `${string}:${string}`);
}

/** Asks a wallet for a signature. What comes back is the signed transaction's bytes. */
export async function signTransaction(
  wallet: SolanaWallet,
  account: WalletAccount,
  transaction: Uint8Array,
  chain: string,
): Promise<Uint8Array> {
  const [signed] = await wallet.features[SolanaSignTransaction].signTransaction({
    account,
    transaction,
    chain: chain as `solana:${string}`,
  });
  if (!signed) throw new Error("The wallet returned no transaction");
  return signed.signedTransaction;
}
