/** Under a stream of price updates, a portfolio of 32 options is shown anew within one frame. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { quantile, Stream } from "./stream";
import { Vectors } from "./vectors";

const FRAME_MS = 1000 / 60;

let vectors: Vectors;
beforeAll(async () => {
  vectors = await Vectors.start();
});
afterAll(() => vectors?.stop());

it("shows 32 options anew within one frame", async () => {
  const portfolio = vectors.portfolios.find(({ positions }) => positions === 32);
  const board = portfolio && vectors.boards[portfolio.board];
  if (!board) throw new Error("no portfolio has 32 positions");
  const stream = new Stream();
  const page = await vectors.look(portfolio, (page) => stream.install(page));
  await page.waitForTimeout(3_000);
  // Others use the machine as well: the best of three streams counts.
  const medians: number[] = [];
  for (let round = 0; round < 3 && !medians.some((median) => median < FRAME_MS); round += 1) {
    const durations = await stream.play(page, board, 60, 50);
    expect(durations.length).toBeGreaterThan(30);
    medians.push(quantile(durations, 0.5));
  }
  expect(Math.min(...medians), `milliseconds: ${medians.join(", ")}`).toBeLessThan(FRAME_MS);
});
