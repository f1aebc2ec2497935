/** What a movement of money does to the account and what it is as an instruction. Amounts are native units of its asset. */
import type { AssetFigures, Change, Mode } from "@/engine/types";
import { Q32_ONE } from "@/engine/engine";
import { ALL } from "@/transactions/actions";

export type Movement = "deposit" | "withdraw" | "borrow" | "repay" | "transfer";

export const MOVEMENT_WORDS: Record<Movement, string> = {
  deposit: "Deposit",
  withdraw: "Withdraw",
  borrow: "Borrow",
  repay: "Repay",
  transfer: "Transfer",
};

/** Whether it takes from the account, which its delegate may not. */
export function leaves(movement: Movement): boolean {
  return movement === "withdraw" || movement === "borrow" || movement === "transfer";
}

/** As the engine sees it, on the account that it is made with. */
export function changeOf(movement: Movement, asset: number, amount: bigint): Change {
  return leaves(movement)
    ? { kind: "withdraw", asset, amount, borrow: movement === "borrow" }
    : { kind: "deposit", asset, amount };
}

/** What is sent for an amount: the whole deposit is {@link ALL}, with the interest that comes until then. */
export function sentAmount(movement: Movement, amount: bigint, held: bigint): bigint {
  const isWhole = (movement === "withdraw" || movement === "transfer") && amount === held;
  return isWhole ? ALL : amount;
}

const YEAR_S = 31_536_000n;
/** Interest is added up to this many seconds from now, when the transaction is through at the latest. */
const AHEAD_S = 300;

/** Native units that stay as a deposit: less than one could not be withdrawn and would keep its slot. */
const SURPLUS = 10n;

/** What a loan can have become when a repayment arrives: interest since it was last accrued, and a surplus. */
export function repayable(
  loan: bigint,
  { accruedAt, borrowRateQ32 }: Pick<AssetFigures, "accruedAt" | "borrowRateQ32">,
  now: number,
): bigint {
  const seconds = BigInt(Math.max(0, now - accruedAt) + AHEAD_S);
  const interest = (loan * borrowRateQ32 * seconds) / (Q32_ONE * YEAR_S);
  return loan + interest + SURPLUS;
}

/** The most that a repayment can be of what may be owed: where no deposit is taken, no more than the program allows, and interest may stay owed. */
export function repayMax(owed: bigint, allowed: bigint | null): bigint {
  return allowed !== null && allowed < owed ? allowed : owed;
}

/** Refusals that a withdrawal has and a transfer does not: no token leaves the vault. */
const ONLY_VAULT = new Set(["InsufficientVaultLiquidity", "OutflowLimitExceeded"]);

export function isRefusalOf(movement: Movement, name: string): boolean {
  return movement !== "transfer" || !ONLY_VAULT.has(name);
}

export const MODE_WORDS: Record<Mode, string | null> = {
  active: null,
  reduceOnly: "Only withdrawals and repayments",
  closing: "Being delisted: withdraw and repay",
};
