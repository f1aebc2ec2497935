/** The largest order that margin allows: a search over many assessments, so it follows the ticket at a distance. */
import { useState } from "react";
import { toJson } from "@/engine/engine";
import type { Change } from "@/engine/types";
import { attempt } from "@/state/attempt";
import { useLive } from "@/state/live";
import { useRepeated } from "@/state/repeat";
import type { AccountKey } from "@/state/risk";

const PACE = { soonMs: 150, calmMs: 3_000 };

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
  const place = `${account} ${scope}`;
  const [answer, setAnswer] = useState<{ place: string; size: bigint | null }>({
    place,
    size: null,
  });
  useRepeated(
    () => {
      if (!account || !template) return;
      const { value } = attempt(() => risk.largest(account, template));
      setAnswer({ place, size: value?.size ?? null });
    },
    [risk, place],
    [toJson(template)],
    PACE,
  );
  return template && answer.place === place ? answer.size : null;
}
