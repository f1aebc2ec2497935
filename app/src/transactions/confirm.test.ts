import { describe, expect, it } from "vitest";
import { follow, type Cluster, type Found } from "./confirm";

const CONFIRMED: Found = { err: null, confirmationStatus: "confirmed" };
const PROCESSED: Found = { err: null, confirmationStatus: "processed" };
const LAST = 100n;

/** A cluster whose time passes while one waits. */
function cluster(changes: Partial<Cluster>): Cluster {
  let now = 0;
  return {
    send: () => Promise.resolve(),
    find: () => Promise.resolve({ slot: 10n, found: null }),
    tip: () => Promise.resolve({ slot: 10n, height: LAST + 1n }),
    isRefusal: () => false,
    sleep: (milliseconds) => {
      now += milliseconds;
      return Promise.resolve();
    },
    now: () => now,
    ...changes,
  };
}

const down = () => Promise.reject(new Error("down"));

describe("what has become of a transaction", () => {
  it("has lapsed only when it is nowhere after its height", async () => {
    expect(await follow(cluster({}), LAST)).toEqual({ is: "lapsed" });
  });

  it("is confirmed when only the whole history knows it", async () => {
    const find = (everywhere: boolean) =>
      Promise.resolve({ slot: 10n, found: everywhere ? CONFIRMED : null });
    expect(await follow(cluster({ find }), LAST)).toEqual({ is: "confirmed" });
  });

  it("is waited for while it is only processed, whatever the height", async () => {
    let asked = 0;
    const find = () =>
      Promise.resolve({ slot: 10n, found: (asked += 1) < 5 ? PROCESSED : CONFIRMED });
    expect(await follow(cluster({ find }), LAST)).toEqual({ is: "confirmed" });
  });

  it("does not believe a node that is behind", async () => {
    let asked = 0;
    const find = () => Promise.resolve({ slot: 9n, found: (asked += 1) < 6 ? null : CONFIRMED });
    expect(await follow(cluster({ find }), LAST)).toEqual({ is: "confirmed" });
  });

  it("fails by its error", async () => {
    const find = () =>
      Promise.resolve({ slot: 10n, found: { ...CONFIRMED, err: "AccountNotFound" } });
    expect(await follow(cluster({ find }), LAST)).toEqual({
      is: "failed",
      error: "AccountNotFound",
    });
  });

  it("is unknown when nobody answers, in bounded time", async () => {
    expect(await follow(cluster({ send: down, find: down, tip: down }), LAST)).toEqual({
      is: "unknown",
    });
    const find = (everywhere: boolean) =>
      everywhere ? down() : Promise.resolve({ slot: 10n, found: null });
    expect(await follow(cluster({ find }), LAST)).toEqual({ is: "unknown" });
  });

  it("is sent again after an error, unless that is for good", async () => {
    let sent = 0;
    const send = () => ((sent += 1) === 1 ? down() : Promise.resolve());
    const find = () => Promise.resolve({ slot: 10n, found: sent > 1 ? CONFIRMED : null });
    const tip = () => Promise.resolve({ slot: 10n, height: LAST });
    expect(await follow(cluster({ send, find, tip }), LAST)).toEqual({ is: "confirmed" });
    const refused = await follow(cluster({ send: down, isRefusal: () => true }), LAST);
    expect(refused.is).toBe("refused");
  });
});
