import { useSyncExternalStore } from "react";

const WIDE = "(min-width: 768px)";

/** Whether the window is wider than a phone's. */
export function useWide(): boolean {
  return useSyncExternalStore(
    (call) => {
      const query = matchMedia(WIDE);
      query.addEventListener("change", call);
      return () => query.removeEventListener("change", call);
    },
    () => matchMedia(WIDE).matches,
  );
}
