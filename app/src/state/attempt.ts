/** Questions that the engine may refuse to answer. */
import { EngineError } from "@/engine/engine";
import { engineWords } from "@/transactions/words";

/** What the engine answers, or why it does not, in words. */
export type Tried<T> = { value: T; problem: null } | { value: null; problem: string };

export function attempt<T>(work: () => T): Tried<T> {
  try {
    return { value: work(), problem: null };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return { value: null, problem: engineWords(error.name, error.message).what };
  }
}
