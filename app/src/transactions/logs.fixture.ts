/** Logs of a program that trades, for tests. */
import {
  address,
  getBase64Decoder,
  none,
  type Address,
  type ReadonlyUint8Array,
} from "@solana/kit";
import {
  BALLAST_EVENTS,
  getMakerSkippedEncoder,
  getOrderFilledEncoder,
  type BallastEvent,
} from "@/client";
import type { PlannedLeg } from "./fills";

export const ME = address("11111111111111111111111111111112");
export const MAKER = address("11111111111111111111111111111113");
export const CALL = address("11111111111111111111111111111114");
export const PUT = address("11111111111111111111111111111115");

function data(name: BallastEvent["name"], bytes: ReadonlyUint8Array): string {
  const tag = BALLAST_EVENTS.find((event) => event.name === name)?.discriminator ?? [];
  return `Program data: ${getBase64Decoder().decode(new Uint8Array([...tag, ...bytes]))}`;
}

export const filled = (market: Address, lots: bigint, taker: Address = ME) =>
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

export const skipped = data(
  "makerSkipped",
  getMakerSkippedEncoder().encode({ market: PUT, maker: MAKER, orderId: 7n, reason: 6000 }),
);

export const leg = (market: Address, name: string, lots: bigint): PlannedLeg => ({
  market,
  name,
  lots,
  write: (some) => some.toString(),
});
