import { describe, expect, it } from "vitest";
import { orderKey } from "@/chain/book";
import { BALLAST_PROGRAM_ADDRESS } from "@/client";
import { shortWords, tradedOf, type Planned } from "./fills";
import { CALL, filled, leg, MAKER, ME, PUT, skipped } from "./logs.fixture";

const logs = (...lines: string[]) => [
  `Program ${BALLAST_PROGRAM_ADDRESS} invoke [1]`,
  ...lines,
  `Program ${BALLAST_PROGRAM_ADDRESS} success`,
];
const PLAN: Planned = { taker: ME, legs: [leg(CALL, "Call", 5n), leg(PUT, "Put", 5n)] };

describe("what a simulation trades", () => {
  it("is all of the plan, in several fills", () => {
    const traded = tradedOf(PLAN, logs(filled(CALL, 2n), filled(CALL, 3n), filled(PUT, 5n)));
    expect(traded).toEqual({ short: [], passed: [], truncated: false });
  });

  it("is short by what was passed over or is another's", () => {
    const traded = tradedOf(
      PLAN,
      logs(filled(CALL, 5n), filled(PUT, 2n), filled(PUT, 3n, MAKER), skipped),
    );
    expect(traded.short).toMatchObject([{ name: "Put", traded: 2n, lots: 5n }]);
    expect(traded.passed).toEqual([orderKey(MAKER, 7n)]);
    expect(shortWords(traded).what).toContain("Put: 2 of 5");
  });

  it("is not certain when the logs are cut off", () => {
    const traded = tradedOf(PLAN, ["Log truncated"]);
    expect(shortWords(traded).what).toContain("cannot be checked");
  });
});
