/** An RPC that has not answered by then does not answer. */
const TIMEOUT_MS = 15_000;

/** Options of a request that gives up in time. */
export const inTime = (milliseconds = TIMEOUT_MS) => ({
  abortSignal: AbortSignal.timeout(milliseconds),
});
