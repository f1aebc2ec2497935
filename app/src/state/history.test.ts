import type { Signature } from "@solana/kit";
import { describe, expect, it } from "vitest";
import type { HistoryEntry, HistoryPage } from "@/chain/history";
import { withNewest } from "./history";

const entry = (name: string): HistoryEntry => ({
  signature: name as Signature,
  slot: 1n,
  time: null,
  failed: false,
  truncated: false,
  events: [],
});
const page = (names: string, next: string | null): HistoryPage => ({
  entries: [...names].map(entry),
  next: next as Signature | null,
});
const told = (pages: HistoryPage[] | null) =>
  pages?.map(({ entries, next }) => [
    entries.map(({ signature }) => signature as string).join(""),
    next,
  ]);

describe("what is new in a history", () => {
  it("comes before what was read, each transaction once", () => {
    const pages = [page("cba", "a"), page("zy", null)];
    expect(told(withNewest(pages, page("edc", "c")))).toEqual([
      ["edcba", "a"],
      ["zy", null],
    ]);
  });

  it("replaces what was not complete", () => {
    const incomplete = { ...page("a", null), entries: [{ ...entry("a"), truncated: true }] };
    const merged = withNewest([incomplete], page("ba", null));
    expect(merged?.[0]?.entries.map(({ truncated }) => truncated)).toEqual([false, false]);
  });

  it("begins a history that was empty", () => {
    expect(told(withNewest([page("", null)], page("ba", null)))).toEqual([["ba", null]]);
  });

  it("is not joined where something may be missing between", () => {
    expect(withNewest([page("cba", "a")], page("gfe", "e"))).toBeNull();
    expect(withNewest([page("", null)], page("gfe", "e"))).toBeNull();
    expect(withNewest([], page("ba", null))).toBeNull();
  });
});
