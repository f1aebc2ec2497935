/** The largest order that margin allows: a search over many assessments, so it waits until the ticket stands still. */
import { useEffect, useState } from "react";
import { fromJson, toJson } from "@/engine/engine";
import type { Change } from "@/engine/types";
import { useLive } from "@/state/live";
import type { AccountKey } from "@/state/risk";

/** Milliseconds that the ticket must have stood still, and between two answers while it does. */
const SETTLE_MS = 150;
const REFRESH_MS = 3_000;

/**
 * Lots; nothing without account or template, and until it has been worked out. Within one `scope` (a side of a market) the last answer stands
 * until the next one, so that it does not come and go with every price.
 */
export function useLargest(
  account: AccountKey,
  template: Change | null,
  scope: string,
): bigint | null {
  const { risk } = useLive();
  const question = toJson([account, template]);
  const place = `${account} ${scope}`;
  const [answer, setAnswer] = useState<{ place: string; size: bigint | null }>({
    place,
    size: null,
  });
  useEffect(() => {
    const [key, change] = fromJson(question) as [AccountKey, Change | null];
    if (!key || !change) return;
    const ask = () => {
      let size: bigint | null;
      try {
        size = risk.largest(key, change).size;
      } catch {
        // Its prices cannot be used.
        size = null;
      }
      setAnswer({ place, size });
    };
    const first = setTimeout(ask, SETTLE_MS);
    const again = setInterval(ask, REFRESH_MS);
    return () => {
      clearTimeout(first);
      clearInterval(again);
    };
  }, [risk, question, place]);
  return template && answer.place === place ? answer.size : null;
}
