import {
  address,
  getBase64Decoder,
  none,
  type Address,
  type ReadonlyUint8Array,
} from "@solana/kit";
import { describe, expect, it } from "vitest";
import { orderKey } from "@/chain/book";
import {
  BALLAST_EVENTS,
  BALLAST_PROGRAM_ADDRESS,
  getMakerSkippedEncoder,
  getOrderFilledEncoder,
  type BallastEvent,
} from "@/client";
import { shortWords, tradedOf, type Planned } from "./fills";

const ME = address("11111111111111111111111111111112");
const MAKER = address("11111111111111111111111111111113");
const CALL = address("11111111111111111111111111111114");
const PUT = address("11111111111111111111111111111115");

function data(name: BallastEvent["name"], bytes: ReadonlyUint8Array): string {
  const tag = BALLAST_EVENTS.find((event) => event.name === name)?.discriminator ?? [];
  return `Program data: ${getBase64Decoder().decode(new Uint8Array([...tag, ...bytes]))}`;
}

const filled = (market: Address, lots: bigint, taker: Address = ME) =>
  data(
    "orderFilled",
    getOrderFilledEncoder().encode({
      market,
      maker: MAKER,
      taker,
      makerOrderId: 7n,
      takerOrderId: 1n,
      takerSide: 0,
      price: 100n,
      lots,
      makerFee: 0n,
      takerFee: 0n,
      makerFunding: 0n,
      takerFunding: 0n,
      filler: none(),
    }),
  );
const skipped = data(
  "makerSkipped",
  getMakerSkippedEncoder().encode({ market: PUT, maker: MAKER, orderId: 7n, reason: 6000 }),
);
const logs = (...lines: string[]) => [
  `Program ${BALLAST_PROGRAM_ADDRESS} invoke [1]`,
  ...lines,
  `Program ${BALLAST_PROGRAM_ADDRESS} success`,
];
const leg = (market: Address, name: string, lots: bigint) => ({
  market,
  name,
  lots,
  write: (some: bigint) => some.toString(),
});
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
