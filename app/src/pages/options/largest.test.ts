import { expect, it } from "vitest";
import { largest } from "./largest";

it("finds the largest allowed size within a bound", () => {
  for (const limit of [0n, 1n, 2n, 7n, 8n, 1000n]) {
    expect(largest((size) => size <= limit, 100n)).toBe(limit < 100n ? limit : 100n);
  }
  expect(largest(() => true, 0n)).toBe(0n);
});
