/** Work that costs too much to do it at every change: it is repeated, and no sooner than is useful. */
import { useEffect, useRef } from "react";

/** How often work is done, milliseconds. */
export interface Pace {
  /** From a change to the next work. Further changes do not put it off. */
  soonMs: number;
  /** Between two works while nothing has changed. */
  calmMs: number;
}

/** Work that may last; it has nothing to tell any more once the signal is aborted. */
export type Work = (signal: AbortSignal) => void | Promise<void>;

/** Works soon, and again until it is stopped. Work that fails is done again like any other. */
export function repeat(work: Work, { soonMs, calmMs }: Pace) {
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  let state: "soon" | "calm" | "working" = "soon";
  let isChanged = false;
  const wait = (next: "soon" | "calm") => {
    state = next;
    clearTimeout(timer);
    timer = setTimeout(() => void run(), next === "soon" ? soonMs : calmMs);
  };
  const run = async () => {
    state = "working";
    isChanged = false;
    try {
      await work(abort.signal);
    } finally {
      if (!abort.signal.aborted) wait(isChanged ? "soon" : "calm");
    }
  };
  wait("soon");
  return {
    /** Something that the work reads is not what it was. */
    change() {
      isChanged = true;
      if (state === "calm") wait("soon");
    },
    stop() {
      abort.abort();
      clearTimeout(timer);
    },
  };
}

/** Repeats the latest `work` while `place` stays the same, and soon after one of `inputs` has changed. */
export function useRepeated(
  work: Work,
  place: readonly unknown[],
  inputs: readonly unknown[],
  { soonMs, calmMs }: Pace,
): void {
  const latest = useRef(work);
  const running = useRef<ReturnType<typeof repeat>>(undefined);
  useEffect(() => {
    latest.current = work;
  });
  useEffect(() => {
    const repeated = repeat((signal) => latest.current(signal), { soonMs, calmMs });
    running.current = repeated;
    return () => repeated.stop();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the caller names where the work belongs
  }, [soonMs, calmMs, ...place]);
  useEffect(() => {
    running.current?.change();
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the caller names what the work reads
  }, inputs);
}
