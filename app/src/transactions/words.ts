/** Why something was refused, in words, and what to do about it. */
import { BALLAST_ERRORS } from "@/client";

/** A refusal as people read it. */
export interface Words {
  what: string;
  advice?: string;
  /** The program's code and name, for support. */
  code?: string;
}

const MORE_MARGIN = "Deposit more, trade less, or close something first.";
const REFRESH = "Prices are refreshed with every transaction here: try again in some seconds.";
const ADVICE: Record<string, string> = {
  StalePrice: REFRESH,
  UncertainPrice: "Wait until the price has settled. Reducing a position is still possible.",
  PriceNeverSet: REFRESH,
  BalanceSlotsFull: "Withdraw or repay one asset completely, or use another sub-account.",
  PositionSlotsFull: "Close a position first, or use another sub-account.",
  OrderSlotsFull: "Cancel one of your resting orders.",
  Paused: "Orders can still be cancelled. See the status page for what is paused, and until when.",
  NotOwner: "Connect the wallet that owns this account.",
  NotOwnerOrDelegate: "Connect the wallet that owns this account, or its delegate's.",
  WrongTokenAccount: "Use the token account of the connected wallet.",
  InsufficientTokens: "Your wallet has less than that. Choose a smaller amount.",
  InsufficientDeposit: "Choose a smaller amount, or allow borrowing.",
  InsufficientVaultLiquidity:
    "Others have borrowed the rest. Take less, or wait until loans are repaid.",
  DepositCapExceeded: "Deposit less, or another asset.",
  BorrowCapExceeded: "Borrow less, or another asset.",
  OutflowLimitExceeded: "Take less now and the rest later.",
  AssetReduceOnly: "You can withdraw it and repay loans of it.",
  AccountNotEmpty: "Close positions, cancel orders and withdraw everything first.",
  AccrueInterestFirst: "Try again.",
  BelowInitialMargin: MORE_MARGIN,
  TakerBelowInitialMargin: MORE_MARGIN,
  MakerBelowInitialMargin: "That order cannot be filled. Try again to trade with the others.",
  InLiquidation: "Deposit, repay, or close positions until the account has recovered.",
  MarketNotActive: "Only orders that reduce a position are taken here now.",
  MarketExpired: "Choose a later expiry.",
  SettlementPending:
    "An expired position is waiting to be settled, which a keeper does within minutes.",
  SettlementNotReady: "Wait for the first price after the expiry.",
  StaleSurface: "You can reduce what you hold. Opening waits for the next volatility surface.",
  OrderTooSmall: "Trade a larger size.",
  PriceNotOnTick: "Round the price to the market's tick.",
  PriceOutsideBand: "Choose a price nearer to the mark.",
  OrderNotFound: "It was filled or cancelled in the meantime.",
  NothingFilled: "The orders you wanted to trade with are gone. Look at the book and try again.",
  PostOnlyWouldTake: "Choose a price that does not cross the book, or a limit order.",
  WouldNotReduce: "Untick “reduce only”, or choose the other side.",
  OpenInterestCapExceeded: "Trade less, or another market.",
  SettlementPoolEmpty: "Losers have not paid in yet. Your profit stays in the position until then.",
  OptionNotClosed: "Close the position, or wait for its expiry.",
  InsuranceFundEmpty: "Try again later.",
  Overflow: "The amount is too large.",
};

/** A refusal of the program by its code. */
export function programWords(code: number): Words {
  const known = BALLAST_ERRORS.get(code);
  if (!known) return { what: `The program refused it with code ${code}.` };
  const advice = ADVICE[known.name];
  return {
    what: `${known.message}.`,
    code: `${known.name} (${code})`,
    ...(advice ? { advice } : {}),
  };
}

/** A refusal of the engine, which has the program's names. */
export function engineWords(name: string, message: string): Words {
  const known = [...BALLAST_ERRORS].find(([, error]) => error.name === name);
  if (known) return programWords(known[0]);
  return { what: message };
}

/** Names that have advice; every one is an error of the program. */
export const ADVISED = Object.keys(ADVICE);

interface Failure {
  /** As the RPC gives it: a string, or an object such as `{InstructionError: [2, {Custom: 6001}]}`. */
  error: unknown;
  logs: readonly string[];
}

const RUNTIME: Record<string, Words> = {
  AccountNotFound: {
    what: "Your wallet has no SOL on this cluster.",
    advice: "Fees are paid in SOL: send some to your wallet first.",
  },
  InsufficientFundsForFee: {
    what: "Your wallet has too little SOL for the fee.",
    advice: "Send some SOL to it.",
  },
  InsufficientFundsForRent: {
    what: "Your wallet would be left with too little SOL.",
    advice: "Send some SOL to it.",
  },
  BlockhashNotFound: { what: "The transaction has expired.", advice: "Send it again." },
  AlreadyProcessed: { what: "This transaction was processed already." },
};

/** Why a transaction failed. */
export function failureWords({ error, logs }: Failure): Words {
  if (typeof error === "string") {
    return RUNTIME[error] ?? { what: `The cluster refused it: ${error}.` };
  }
  const instruction = (error as { InstructionError?: [unknown, unknown] } | null)?.InstructionError;
  const reason = instruction?.[1];
  const code = (reason as { Custom?: number | bigint } | null)?.Custom;
  if (code !== undefined) {
    const failed = logs.findLast(
      (line) => line.startsWith("Program ") && line.includes(" failed: "),
    );
    const program = failed?.split(" ")[1];
    const isSystem = program === "11111111111111111111111111111111";
    if (isSystem && Number(code) === 1) return RUNTIME.InsufficientFundsForFee as Words;
    if (BALLAST_ERRORS.has(Number(code))) return programWords(Number(code));
    const said = logs.findLast((line) => line.includes("Error Message: "));
    if (said) return { what: said.slice(said.indexOf("Error Message: ") + 15) };
    if (Number(code) === 1) {
      return {
        what: "A token account holds less than the amount.",
        advice: "Choose a smaller amount.",
      };
    }
    return { what: `A program refused it with code ${code}.` };
  }
  if (reason === "ProgramFailedToComplete" || reason === "ComputationalBudgetExceeded") {
    return {
      what: "The transaction needs more computation than the cluster allows.",
      advice: "Trade fewer legs, or with fewer counterparties, at once.",
    };
  }
  return {
    what: `The cluster refused it: ${JSON.stringify(error, (_, value: unknown) => (typeof value === "bigint" ? value.toString() : value))}.`,
  };
}
