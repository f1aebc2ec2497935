/** What the connected wallet has outside of the exchange. */
import { address, fetchEncodedAccounts, type Address } from "@solana/kit";
import { findAssociatedTokenPda, TOKEN_PROGRAM_ADDRESS } from "@solana-program/token";
import { useQuery } from "@tanstack/react-query";
import type { Mirror } from "@/chain/mirror";
import { useLive, useVersion } from "@/state/live";
import { depositable } from "@/transactions/actions";
import { useWallet } from "@/wallet/context";

const TOKEN_2022_PROGRAM_ADDRESS = address("TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb");
const REFRESH_MS = 15_000;
/** Of SOL, in which transaction fees are paid. */
export const SOL_DECIMALS = 9;
/** A token account of either program begins with mint and owner, then the amount. */
const AMOUNT_OFFSET = 64;

export interface WalletBalances {
  /** Lamports, for fees. */
  lamports: bigint;
  /** Native units by asset that can be deposited: those in the wallet's usual token accounts, and SOL as such but for a reserve. */
  tokens: ReadonlyMap<number, bigint>;
}

async function read(mirror: Mirror, wallet: Address): Promise<WalletBalances> {
  const places = await Promise.all(
    [...mirror.banks.values()].flatMap(({ asset, mint }) =>
      [TOKEN_PROGRAM_ADDRESS, TOKEN_2022_PROGRAM_ADDRESS].map(async (tokenProgram) => {
        const [key] = await findAssociatedTokenPda({ owner: wallet, mint, tokenProgram });
        return { asset, key };
      }),
    ),
  );
  const [own, ...accounts] = await fetchEncodedAccounts(
    mirror.rpc,
    [wallet, ...places.map(({ key }) => key)],
    { commitment: "confirmed" },
  );
  const tokens = new Map<number, bigint>();
  places.forEach(({ asset }, index) => {
    const account = accounts[index];
    const before = tokens.get(asset) ?? 0n;
    tokens.set(asset, before + (account?.exists ? amountOf(new Uint8Array(account.data)) : 0n));
  });
  const lamports = own?.exists ? own.lamports : 0n;
  for (const { asset, mint } of mirror.banks.values()) {
    tokens.set(asset, depositable(mint, tokens.get(asset) ?? 0n, lamports));
  }
  return { lamports, tokens };
}

function amountOf(data: Uint8Array): bigint {
  if (data.length < AMOUNT_OFFSET + 8) return 0n;
  return new DataView(data.buffer).getBigUint64(AMOUNT_OFFSET, true);
}

/** Read again every few seconds and after every transaction. */
export function useWalletBalances() {
  const { mirror } = useLive();
  const { connected } = useWallet();
  useVersion("banks");
  const wallet = connected?.address ?? null;
  return useQuery({
    queryKey: ["wallet-balances", mirror.network.exchange, wallet, mirror.banks.size],
    queryFn: () => (wallet ? read(mirror, wallet) : null),
    enabled: wallet !== null,
    refetchInterval: REFRESH_MS,
  });
}
