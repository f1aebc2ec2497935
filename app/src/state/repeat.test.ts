import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { repeat } from "./repeat";

const PACE = { soonMs: 100, calmMs: 1_000 };

describe("repeated work", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is done soon, and again when nothing changes", async () => {
    const work = vi.fn();
    const { stop } = repeat(work, PACE);
    await vi.advanceTimersByTimeAsync(99);
    expect(work).toHaveBeenCalledTimes(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(work).toHaveBeenCalledTimes(1);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(work).toHaveBeenCalledTimes(2);
    stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(work).toHaveBeenCalledTimes(2);
  });

  it("is not put off by a stream of changes", async () => {
    const work = vi.fn();
    const { change, stop } = repeat(work, PACE);
    for (let passed = 0; passed < 1_000; passed += 20) {
      change();
      await vi.advanceTimersByTimeAsync(20);
    }
    expect(work.mock.calls.length).toBeGreaterThanOrEqual(8);
    expect(work.mock.calls.length).toBeLessThanOrEqual(10);
    stop();
  });

  it("is done again when something changes meanwhile, never twice at a time", async () => {
    let running = 0;
    let most = 0;
    let done = 0;
    const { change, stop } = repeat(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setTimeout(resolve, 300));
      running -= 1;
      done += 1;
    }, PACE);
    await vi.advanceTimersByTimeAsync(150);
    change();
    await vi.advanceTimersByTimeAsync(650);
    expect([most, done]).toEqual([1, 2]);
    stop();
  });

  it("tells what still runs that it was stopped", async () => {
    let isAborted = false;
    const { stop } = repeat(async (signal) => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      isAborted = signal.aborted;
    }, PACE);
    await vi.advanceTimersByTimeAsync(150);
    stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(isAborted).toBe(true);
  });
});
