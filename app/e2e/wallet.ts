/** A wallet that is registered in the page by the wallet standard and signs with a key of the test. */
import {
  createSignerFromKeyPair,
  generateKeyPair,
  getAddressEncoder,
  getTransactionDecoder,
  getTransactionEncoder,
  type KeyPairSigner,
} from "@solana/kit";
import type { Page } from "playwright-core";

/** What the wallet does when it is asked for a signature. */
export type Mood = "sign" | "reject";

export class TestWallet {
  readonly signer: KeyPairSigner;
  /** What it does with the next requests. */
  mood: Mood = "sign";
  /** How often it was asked. */
  asked = 0;

  private constructor(signer: KeyPairSigner) {
    this.signer = signer;
  }

  static async make(): Promise<TestWallet> {
    return new TestWallet(await createSignerFromKeyPair(await generateKeyPair()));
  }

  get address(): string {
    return this.signer.address;
  }

  /** Registers it in every document that the page opens from now on. */
  async install(page: Page, chains: string[] = ["solana:localnet"]): Promise<void> {
    await page.exposeFunction("ballastTestSign", (bytes: number[]) => this.sign(bytes));
    const publicKey = [...getAddressEncoder().encode(this.signer.address)];
    await page.addInitScript(register, { address: this.address, publicKey, chains });
  }

  private async sign(bytes: number[]): Promise<number[]> {
    this.asked += 1;
    if (this.mood === "reject") throw new Error("User rejected the request.");
    const transaction = getTransactionDecoder().decode(new Uint8Array(bytes));
    const [signatures] = await this.signer.signTransactions([transaction as never]);
    const signed = { ...transaction, signatures: { ...transaction.signatures, ...signatures } };
    return [...getTransactionEncoder().encode(signed)];
  }
}

/** Runs in the page. */
function register(input: { address: string; publicKey: number[]; chains: string[] }) {
  type Sign = (bytes: number[]) => Promise<number[]>;
  const chains = input.chains as `${string}:${string}`[];
  const account = {
    address: input.address,
    publicKey: new Uint8Array(input.publicKey),
    chains,
    features: ["solana:signTransaction"] as const,
  };
  let isConnected = false;
  const wallet = {
    version: "1.0.0",
    name: "Test wallet",
    icon: "data:image/svg+xml;base64,PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciLz4=",
    chains,
    get accounts() {
      return isConnected ? [account] : [];
    },
    features: {
      "standard:connect": {
        version: "1.0.0",
        connect: async () => {
          isConnected = true;
          return { accounts: [account] };
        },
      },
      "standard:disconnect": {
        version: "1.0.0",
        disconnect: async () => {
          isConnected = false;
        },
      },
      "solana:signTransaction": {
        version: "1.0.0",
        supportedTransactionVersions: ["legacy", 0],
        signTransaction: async (...requests: { transaction: Uint8Array }[]) =>
          Promise.all(
            requests.map(async ({ transaction }) => {
              const sign = (window as unknown as { ballastTestSign: Sign }).ballastTestSign;
              return { signedTransaction: new Uint8Array(await sign([...transaction])) };
            }),
          ),
      },
    },
  };
  // As the standard has it: whichever of page and wallet comes first.
  const announce = ({ register }: { register: (wallet: unknown) => void }) => register(wallet);
  window.addEventListener("wallet-standard:app-ready", (event) =>
    announce((event as CustomEvent).detail as { register: (wallet: unknown) => void }),
  );
  window.dispatchEvent(new CustomEvent("wallet-standard:register-wallet", { detail: announce }));
}
