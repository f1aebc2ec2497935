/**
 * A wallet for trying a local cluster out without installing one. It is offered only where the network has a faucet. Its key is made by the
 * browser, cannot be exported, and stays in this browser's database.
 */
import {
  createSignerFromKeyPair,
  getTransactionDecoder,
  getTransactionEncoder,
  getAddressEncoder,
  type KeyPairSigner,
} from "@solana/kit";
import { SolanaSignTransaction } from "@solana/wallet-standard-features";
import { registerWallet } from "@wallet-standard/wallet";
import type { Wallet, WalletAccount } from "@wallet-standard/base";

const ICON =
  "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHZpZXdCb3g9IjAgMCAzMiAzMiI+PHBhdGggZD0iTTUgOWgyMGEyIDIgMCAwIDEgMiAydjEyYTIgMiAwIDAgMS0yIDJIN2EyIDIgMCAwIDEtMi0yem0wIDB2LTFhMiAyIDAgMCAxIDItMmgxNnYzIiBmaWxsPSJub25lIiBzdHJva2U9IiM3ODcxNmMiIHN0cm9rZS13aWR0aD0iMiIvPjxjaXJjbGUgY3g9IjIyIiBjeT0iMTciIHI9IjEuNSIgZmlsbD0iIzc4NzE2YyIvPjwvc3ZnPg==";

let isRegistered = false;

/** Registers it for a cluster, once. */
export function registerThrowaway(chain: `solana:${string}`) {
  if (isRegistered) return;
  isRegistered = true;
  const chains = [chain] as const;
  let account: WalletAccount | null = null;
  let signer: KeyPairSigner | null = null;
  const wallet: Wallet = {
    version: "1.0.0",
    name: "Throwaway wallet",
    icon: ICON,
    chains,
    get accounts() {
      return account ? [account] : [];
    },
    features: {
      "standard:connect": {
        version: "1.0.0",
        connect: async () => {
          signer ??= await createSignerFromKeyPair(await keyPair());
          account ??= {
            address: signer.address,
            publicKey: new Uint8Array(getAddressEncoder().encode(signer.address)),
            chains,
            features: [SolanaSignTransaction],
          };
          return { accounts: [account] };
        },
      },
      "standard:disconnect": { version: "1.0.0", disconnect: async () => undefined },
      [SolanaSignTransaction]: {
        version: "1.0.0",
        supportedTransactionVersions: ["legacy", 0],
        signTransaction: async (...inputs: { transaction: Uint8Array }[]) => {
          const key = signer;
          if (!key) throw new Error("not connected");
          return Promise.all(
            inputs.map(async ({ transaction }) => {
              const decoded = getTransactionDecoder().decode(transaction);
              const [signatures] = await key.signTransactions([decoded as never]);
              const signed = {
                ...decoded,
                signatures: { ...decoded.signatures, ...signatures },
              };
              return { signedTransaction: new Uint8Array(getTransactionEncoder().encode(signed)) };
            }),
          );
        },
      },
    },
  };
  registerWallet(wallet);
}

const STORE = "keys";

async function keyPair(): Promise<CryptoKeyPair> {
  const database = await request<IDBDatabase>(
    Object.assign(indexedDB.open("ballast-throwaway", 1), {
      onupgradeneeded(this: IDBOpenDBRequest) {
        this.result.createObjectStore(STORE);
      },
    }),
  );
  const store = (mode: IDBTransactionMode) => database.transaction(STORE, mode).objectStore(STORE);
  const kept = await request<CryptoKeyPair | undefined>(store("readonly").get("wallet"));
  if (kept) return kept;
  const made = (await crypto.subtle.generateKey({ name: "Ed25519" }, false, [
    "sign",
    "verify",
  ])) as CryptoKeyPair;
  await request(store("readwrite").put(made, "wallet"));
  return made;
}

function request<T>(pending: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    pending.onsuccess = () => resolve(pending.result);
    pending.onerror = () => reject(pending.error ?? new Error("the browser's database failed"));
  });
}
