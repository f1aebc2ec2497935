/** Prices at which a liquidation could begin: hundreds of assessments each, so they are worked out while the page is idle. */
import { useEffect, useState } from "react";
import { fromJson, toJson } from "@/engine/engine";
import type { Change, LiquidationMarksAnswer } from "@/engine/types";
import { useLive } from "./live";
import type { AccountKey } from "./risk";

/** Milliseconds that account and changes must have stood still before the first answer is worked out. */
const SETTLE_MS = 250;
/** Milliseconds between two answers while only prices and time change. */
const REFRESH_MS = 5_000;
/** Milliseconds after which a busy page is interrupted. */
const IDLE_MS = 2_000;

type Marks = ReadonlyMap<number, LiquidationMarksAnswer>;
const NONE: Marks = new Map();
const UNCHANGED: readonly Change[] = [];

/** Calls when the page has nothing else to do; returns how to call it off. */
function whenIdle(call: () => void): () => void {
  if (typeof requestIdleCallback !== "function") {
    const timer = setTimeout(call, 0);
    return () => clearTimeout(timer);
  }
  const handle = requestIdleCallback(call, { timeout: IDLE_MS });
  return () => cancelIdleCallback(handle);
}

/**
 * The nearest marks at which a liquidation of the account could begin after `changes`, by underlying; for the empty account of `null` too.
 * An underlying is missing until its answer has been worked out, one at a time, and when its price allows none.
 */
export function useLiquidationMarks(
  account: AccountKey,
  changes: readonly Change[] = UNCHANGED,
): Marks {
  const { risk } = useLive();
  const scene = toJson([account, changes]);
  const [answer, setAnswer] = useState({ scene, marks: NONE });

  useEffect(() => {
    const [key, wanted] = fromJson(scene) as [AccountKey, Change[]];
    let cancel: () => void;
    const after = (milliseconds: number) => {
      const timer = setTimeout(() => {
        cancel = whenIdle(begin);
      }, milliseconds);
      cancel = () => clearTimeout(timer);
    };
    const begin = () => {
      const { underlyings } =
        wanted.length === 0 ? risk.assess(key) : risk.whatIf(key, wanted).after;
      next(
        underlyings.map(({ underlying }) => underlying),
        new Map(),
      );
    };
    const next = ([underlying, ...rest]: number[], found: Map<number, LiquidationMarksAnswer>) => {
      if (underlying === undefined) {
        setAnswer({ scene, marks: found });
        return after(REFRESH_MS);
      }
      try {
        found.set(underlying, risk.liquidationMarks(key, underlying, wanted));
      } catch {
        // Its price cannot be used: there is no answer.
      }
      cancel = whenIdle(() => next(rest, found));
    };
    after(SETTLE_MS);
    return () => cancel();
  }, [risk, scene]);

  return answer.scene === scene ? answer.marks : NONE;
}
