/** The hundred portfolios of `crates/risk-wasm/vectors` as accounts of a validator, and the page that looks at them. */
import { readFileSync } from "node:fs";
import { generateKeyPairSigner, type Address } from "@solana/kit";
import type { Browser, Page } from "playwright-core";
import { preview, type PreviewServer } from "vite";
import { getBoardCodec, getExchangeCodec, getMarginAccountCodec } from "../src/client";
import { fromJson } from "../src/engine/engine";
import { launch } from "./browser";
import { Validator } from "./validator";

/** What the program's engine has said on the VM. */
export type Figures = Record<
  "equityMark" | "healthInitial" | "healthMaintenance" | "initialMargin" | "maintenanceMargin",
  bigint
>;

/** One portfolio on the validator. */
export interface Portfolio {
  key: Address;
  /** Which of the exchanges it belongs to. */
  board: number;
  /** How many positions it has. */
  positions: number;
  figures: Record<"addRisk" | "reduceRisk", Figures | { error: string }>;
}

const FILE = new URL("../../crates/risk-wasm/vectors/portfolios.json", import.meta.url);
const bytes = (base64: string) => new Uint8Array(Buffer.from(base64, "base64"));
const newAddress = async () => (await generateKeyPairSigner()).address;

export class Vectors {
  readonly portfolios: Portfolio[];
  /** Address and first bytes of each board. The vectors have one exchange with two boards, here each has an exchange of its own. */
  readonly boards: { exchange: Address; key: Address; data: Uint8Array }[];
  readonly browser: Browser;
  private readonly now: number;
  private readonly validator: Validator;
  private readonly server: PreviewServer;

  private constructor(
    now: number,
    portfolios: Portfolio[],
    boards: Vectors["boards"],
    [validator, server, browser]: [Validator, PreviewServer, Browser],
  ) {
    this.now = now;
    this.portfolios = portfolios;
    this.boards = boards;
    this.validator = validator;
    this.server = server;
    this.browser = browser;
  }

  static async start(): Promise<Vectors> {
    const vectors = fromJson(readFileSync(FILE, "utf8")) as {
      now: number;
      exchange: string;
      boards: string[];
      portfolios: { board: number; account: string; figures: Portfolio["figures"] }[];
    };
    const accounts = new Map<Address, Uint8Array>();
    const boards: Vectors["boards"] = [];
    for (const board of vectors.boards) {
      const [exchange, key] = [await newAddress(), await newAddress()];
      const configuration = getExchangeCodec().decode(bytes(vectors.exchange));
      accounts.set(
        exchange,
        new Uint8Array(getExchangeCodec().encode({ ...configuration, board: key })),
      );
      const data = new Uint8Array(
        getBoardCodec().encode({ ...getBoardCodec().decode(bytes(board)), exchange }),
      );
      accounts.set(key, data);
      boards.push({ exchange, key, data });
    }
    const portfolios: Portfolio[] = [];
    for (const { account, board, figures } of vectors.portfolios) {
      const key = await newAddress();
      const decoded = getMarginAccountCodec().decode(bytes(account));
      const exchange = boards[board]?.exchange ?? decoded.exchange;
      accounts.set(key, new Uint8Array(getMarginAccountCodec().encode({ ...decoded, exchange })));
      const positions = decoded.positions.filter(({ baseLots }) => baseLots !== 0n).length;
      portfolios.push({ key, board, positions, figures });
    }
    return new Vectors(vectors.now, portfolios, boards, [
      await Validator.start(accounts),
      await preview({ preview: { port: 0, host: "127.0.0.1" }, logLevel: "error" }),
      await launch(),
    ]);
  }

  async stop() {
    await this.browser.close();
    await this.server.close();
    await this.validator.stop();
  }

  /** A page that looks at a portfolio, at the time of the vectors. `prepare` comes before it is loaded. */
  async look(portfolio: Portfolio, prepare?: (page: Page) => Promise<void>): Promise<Page> {
    const page = await this.browser.newPage();
    const network = {
      name: "vectors",
      chain: "solana:localnet",
      rpcUrl: this.validator.rpcUrl,
      wsUrl: this.validator.wsUrl,
      exchange: this.boards[portfolio.board]?.exchange,
      explorer: "http://127.0.0.1/{kind}/{id}",
      frozenAt: this.now,
    };
    await page.route("**/network.json", (route) => route.fulfill({ json: network }));
    await prepare?.(page);
    const [url] = this.server.resolvedUrls?.local ?? [];
    await page.goto(`${url ?? ""}?account=${portfolio.key}`);
    await page.locator(`[data-account="${portfolio.key}"]`).waitFor({ timeout: 30_000 });
    return page;
  }
}
