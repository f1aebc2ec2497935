/**
 * The health that the page shows is the program's, to the unit: a hundred random portfolios whose figures the program's engine has given on the VM
 * (`crates/risk-wasm/vectors`) stand on a validator as accounts, and the page looks at each.
 */
import { readFileSync } from "node:fs";
import { generateKeyPairSigner, type Address } from "@solana/kit";
import type { Browser, Page } from "playwright-core";
import { preview, type PreviewServer } from "vite";
import { afterAll, beforeAll, expect, it } from "vitest";
import { getBoardCodec, getExchangeCodec, getMarginAccountCodec } from "../src/client";
import { fromJson } from "../src/engine/engine";
import { complaints, figure, launch } from "./browser";
import { Validator } from "./validator";

type Figures = Record<
  "equityMark" | "healthInitial" | "healthMaintenance" | "initialMargin" | "maintenanceMargin",
  bigint
>;
interface Vectors {
  now: number;
  exchange: string;
  boards: string[];
  portfolios: {
    board: number;
    account: string;
    figures: Record<"addRisk" | "reduceRisk", Figures | { error: string }>;
  }[];
}

const file = new URL("../../crates/risk-wasm/vectors/portfolios.json", import.meta.url);
const vectors = fromJson(readFileSync(file, "utf8")) as Vectors;
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const newAddress = async () => (await generateKeyPairSigner()).address;

let validator: Validator;
let server: PreviewServer;
let browser: Browser;
/** The exchange of each board: the vectors have one exchange with two boards, here each has one of its own. */
const exchanges: Address[] = [];
const accounts: Address[] = [];

beforeAll(async () => {
  const found = new Map<Address, Uint8Array>();
  for (const board of vectors.boards) {
    const [exchangeKey, boardKey] = [await newAddress(), await newAddress()];
    exchanges.push(exchangeKey);
    const exchange = getExchangeCodec().decode(bytes(vectors.exchange));
    found.set(
      exchangeKey,
      new Uint8Array(getExchangeCodec().encode({ ...exchange, board: boardKey })),
    );
    const decoded = getBoardCodec().decode(bytes(board));
    found.set(
      boardKey,
      new Uint8Array(getBoardCodec().encode({ ...decoded, exchange: exchangeKey })),
    );
  }
  for (const { account, board } of vectors.portfolios) {
    const key = await newAddress();
    accounts.push(key);
    const decoded = getMarginAccountCodec().decode(bytes(account));
    const exchange = exchanges[board] ?? decoded.exchange;
    found.set(key, new Uint8Array(getMarginAccountCodec().encode({ ...decoded, exchange })));
  }
  validator = await Validator.start(found);
  server = await preview({ preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" });
  browser = await launch();
});

afterAll(async () => {
  await browser?.close();
  await server?.close();
  await validator?.stop();
});

/** The page of one board's exchange. */
async function open(board: number): Promise<Page> {
  const page = await browser.newPage();
  const network = {
    name: "vectors",
    chain: "solana:localnet",
    rpcUrl: validator.rpcUrl,
    wsUrl: validator.wsUrl,
    exchange: exchanges[board],
    explorer: "http://127.0.0.1/{kind}/{id}",
    frozenAt: vectors.now,
  };
  await page.route("**/network.json", (route) => route.fulfill({ json: network }));
  const [url] = server.resolvedUrls?.local ?? [];
  const first = vectors.portfolios.findIndex((portfolio) => portfolio.board === board);
  await page.goto(`${url ?? ""}?account=${accounts[first] ?? ""}`);
  await page.getByTestId("health-maintenance").first().waitFor({ timeout: 30_000 });
  return page;
}

it("shows the program's health of a hundred random portfolios", async () => {
  let compared = 0;
  for (const board of vectors.boards.keys()) {
    const page = await open(board);
    const found = complaints(page);
    for (const [index, { board: of, figures }] of vectors.portfolios.entries()) {
      if (of !== board) continue;
      const account = accounts[index] ?? "";
      await page.evaluate((key) => {
        history.pushState({}, "", `?account=${key}`);
        dispatchEvent(new PopStateEvent("popstate"));
      }, account);
      await page.locator(`[data-account="${account}"]`).waitFor();
      // Where prices allow no risk to be added, the page says so and shows the last known figures.
      const expected = "error" in figures.addRisk ? figures.reduceRisk : figures.addRisk;
      if ("error" in expected) throw new Error(`portfolio ${index} has no figures`);
      const shown = {
        equityMark: await figure(page, "equity"),
        healthInitial: await figure(page, "health-initial"),
        healthMaintenance: await figure(page, "health-maintenance"),
        initialMargin: await figure(page, "initial-margin"),
        maintenanceMargin: await figure(page, "maintenance-margin"),
      };
      expect(expected, `portfolio ${index}`).toMatchObject(shown);
      compared += 1;
    }
    expect(found).toEqual([]);
    await page.close();
  }
  expect(compared).toBe(100);
}, 300_000);
