/** A stream of price updates into a page, beside those of its validator. */
import type { Page } from "playwright-core";
import { getBoardCodec, type Board } from "../src/client";
import { UPDATE } from "../src/chain/mirror";
import type { Vectors } from "./vectors";

/** Milliseconds that updates took, sorted. */
export type Durations = readonly number[];

export function quantile(durations: Durations, part: number): number {
  return durations[Math.min(durations.length - 1, Math.floor(durations.length * part))] ?? NaN;
}

/** Lets a page be given boards that its validator does not have. Must stand before the page is loaded. */
export class Stream {
  private send: ((text: string) => void) | null = null;
  private subscription: number | null = null;
  private slot = 1_000_000_000;

  async install(page: Page): Promise<void> {
    await page.routeWebSocket(/.*/, (socket) => {
      const server = socket.connectToServer();
      const requests = new Map<number, string>();
      socket.onMessage((message) => {
        const { id, method } = JSON.parse(String(message)) as { id: number; method: string };
        requests.set(id, method);
        server.send(message);
      });
      server.onMessage((message) => {
        const { id, result } = JSON.parse(String(message)) as { id?: number; result?: number };
        if (id !== undefined && requests.get(id) === "programSubscribe" && result !== undefined) {
          this.subscription = result;
          this.send = (text) => socket.send(text);
        }
        socket.send(message);
      });
    });
    await page.addInitScript((name) => {
      const durations: number[] = [];
      (window as unknown as { durations: number[] }).durations = durations;
      new PerformanceObserver((list) => {
        durations.push(...list.getEntriesByName(name).map(({ duration }) => duration));
      }).observe({ type: "measure" });
    }, UPDATE);
  }

  /** Sends so many boards, whose prices swing by a thousandth, one every `everyMs`; gives what each update took. */
  async play(
    page: Page,
    board: Vectors["boards"][number],
    count: number,
    everyMs: number,
  ): Promise<Durations> {
    const before: Board = getBoardCodec().decode(board.data);
    await page.evaluate(() => {
      (window as unknown as { durations: number[] }).durations.length = 0;
    });
    for (let step = 0; step < count; step += 1) {
      const factor = 1_000n + BigInt((step % 7) - 3);
      const prices = before.prices.map((entry) => {
        const [low = 0n, high = 0n] = entry.price.words;
        const moved = (((high << 64n) | low) * factor) / 1_000n;
        return { ...entry, price: { words: [moved & ((1n << 64n) - 1n), moved >> 64n] } };
      });
      this.notify(board.key, getBoardCodec().encode({ ...before, prices }));
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
    await page.waitForTimeout(500);
    const durations = await page.evaluate(
      () => (window as unknown as { durations: number[] }).durations,
    );
    return durations.sort((a, b) => a - b);
  }

  private notify(key: string, data: ArrayLike<number>) {
    if (!this.send || this.subscription === null)
      throw new Error("the page has not subscribed yet");
    this.slot += 1;
    const account = {
      data: [Buffer.from(Uint8Array.from(data)).toString("base64"), "base64"],
      executable: false,
      lamports: 1,
      owner: "GXDMg1wQgWB3U92DXiQ5NeDGWMm5gDnKkHxZ4ZG1e6pP",
      rentEpoch: 0,
      space: data.length,
    };
    this.send(
      JSON.stringify({
        jsonrpc: "2.0",
        method: "programNotification",
        params: {
          subscription: this.subscription,
          result: { context: { slot: this.slot }, value: { pubkey: key, account } },
        },
      }),
    );
  }
}
