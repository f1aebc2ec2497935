/** Prices at which a liquidation could begin: hundreds of assessments each, so they are worked out while the page is idle. */
import { useState } from "react";
import { termsKey } from "@/chain/layout";
import { EngineError, toJson } from "@/engine/engine";
import type { Change, LiquidationMarksAnswer } from "@/engine/types";
import { useLive, useVersion } from "./live";
import { useRepeated } from "./repeat";
import type { AccountKey, Risk } from "./risk";

/** The first answer comes a little later than the change, and later ones while only prices and time change. */
const PACE = { soonMs: 250, calmMs: 5_000 };
/** Milliseconds after which a busy page is interrupted. */
const IDLE_MS = 2_000;

type Marks = ReadonlyMap<number, LiquidationMarksAnswer>;
const NONE: Marks = new Map();
const UNCHANGED: readonly Change[] = [];

/** Comes when the page has nothing else to do. */
function idle(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof requestIdleCallback !== "function") setTimeout(resolve, 0);
    else requestIdleCallback(() => resolve(), { timeout: IDLE_MS });
  });
}

/** What changes are about, whatever their sizes and prices: an answer about others of the same kind may stand until the next one. */
export function kindOf(changes: readonly Change[]): string {
  return changes
    .map((change) => {
      const about =
        "terms" in change ? termsKey(change.terms) : "asset" in change ? change.asset : "";
      const sells =
        (change.kind === "trade" && change.lots < 0n) ||
        (change.kind === "order" && change.side === "ask");
      return `${change.kind} ${sells ? "-" : ""}${about}`;
    })
    .join(", ");
}

/** The answers by underlying, one at a time; nothing once it is not wanted any more. */
export async function marksOf(
  risk: Pick<Risk, "assess" | "whatIf" | "liquidationMarks">,
  account: AccountKey,
  changes: readonly Change[],
  signal: AbortSignal,
): Promise<Marks | null> {
  const wanted = [...changes];
  const answered = async <T>(ask: () => T): Promise<T | null> => {
    await idle();
    if (signal.aborted) return null;
    try {
      return ask();
    } catch (error) {
      // A price cannot be used, or an amount is too large: there is no answer.
      if (error instanceof EngineError) return null;
      throw error;
    }
  };
  const assessed = await answered(() =>
    wanted.length === 0 ? risk.assess(account) : risk.whatIf(account, wanted).after,
  );
  const found = new Map<number, LiquidationMarksAnswer>();
  for (const { underlying } of assessed?.underlyings ?? []) {
    const marks = await answered(() => risk.liquidationMarks(account, underlying, wanted));
    if (marks) found.set(underlying, marks);
  }
  return signal.aborted ? null : found;
}

/**
 * The nearest marks at which a liquidation of the account could begin after `changes`, by underlying; for the empty account of `null` too.
 * An underlying is missing until its answer has been worked out, one at a time, and when its price allows none. The last answer stands until the
 * next one while the changes are of the same kind.
 */
export function useLiquidationMarks(
  account: AccountKey,
  changes: readonly Change[] = UNCHANGED,
): Marks {
  const { risk, mirror } = useLive();
  useVersion("accounts");
  const bytes = account && mirror.accounts.get(account);
  const scene = toJson(changes);
  const place = `${account}: ${kindOf(changes)}`;
  const [answer, setAnswer] = useState({ place, marks: NONE });
  useRepeated(
    async (signal) => {
      const marks = await marksOf(risk, account, changes, signal);
      if (marks) setAnswer({ place, marks });
    },
    [risk, place],
    [scene, bytes],
    PACE,
  );
  return answer.place === place ? answer.marks : NONE;
}
