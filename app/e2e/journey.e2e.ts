/**
 * From an empty wallet to a hedged options position, through a crash and a partial liquidation, to the withdrawal; and what goes wrong on the way. A
 * real browser, a real validator, the real keeper and the market maker of the localnet.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { complaints, confirmed, expectAccessible, failed, figure, launch } from "./browser";
import { short } from "../src/format/format";
import { Localnet } from "./processes";
import { TestWallet } from "./wallet";

/** Prices count as stale after so many seconds here, so that nobody has to wait two minutes for one. */
const STALE_S = 40;

let localnet: Localnet;
let browser: Browser;
let wallet: TestWallet;
let page: Page;
let found: string[];

const folder = mkdtempSync(join(tmpdir(), "ballast-config-"));

/** The configuration of the localnet with younger prices. */
function impatient(): string {
  const usual = readFileSync(new URL("../../migrations/localnet.toml", import.meta.url), "utf8");
  const file = join(folder, "localnet.toml");
  writeFileSync(file, usual.replaceAll("max_age_s = 120", `max_age_s = ${STALE_S}`));
  return file;
}

/** Goes to a page by the navigation. */
async function goTo(name: string): Promise<void> {
  await page
    .getByRole("navigation", { name: "Pages", exact: true })
    .getByRole("link", { name })
    .click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

async function newPage(chains?: string[]): Promise<Page> {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    permissions: ["clipboard-read", "clipboard-write"],
    // Colours in mid-change have no contrast of their own.
    reducedMotion: "reduce",
  });
  const opened = await context.newPage();
  await wallet.install(opened, chains);
  await opened.goto(localnet.description.app_url);
  return opened;
}

async function connect(on: Page): Promise<void> {
  await on.getByRole("banner").getByRole("button", { name: "Connect" }).click();
  await on.getByRole("button", { name: "Test wallet" }).click();
  await on.getByRole("button", { name: `Wallet ${short(wallet.address)}` }).waitFor();
}

beforeAll(async () => {
  localnet = await Localnet.start("--speed", "0", "--config", impatient());
  browser = await launch();
  wallet = await TestWallet.make();
  page = await newPage();
  found = complaints(page);
});

afterAll(async () => {
  await browser?.close();
  await localnet?.stop();
  rmSync(folder, { recursive: true });
});

// A journey's later steps say nothing once an earlier one has failed.
let isLost = false;
beforeEach(({ skip }) => skip(isLost, "an earlier step has failed"));
afterEach(({ task }) => {
  if (task.suite?.name === "a trader" && task.result?.state === "fail") isLost = true;
});

describe("a trader", () => {
  it("connects and takes test tokens", async () => {
    await page.getByRole("heading", { name: /One account/ }).waitFor();
    await connect(page);
    await page.getByRole("main").getByRole("button", { name: "Get test tokens" }).click();
    await page.getByText("Test tokens are in your wallet").waitFor({ timeout: 30_000 });
  });

  it("opens an account with a first deposit", async () => {
    await page.getByLabel("Amount").fill("2,000");
    await page.getByRole("button", { name: "Open and deposit" }).click();
    await confirmed(page, "Open an account with 2,000 USDC");
    await page.getByTestId("equity").waitFor();
    expect(await figure(page, "equity")).toBe(2_000_000_000n);
    expect(await figure(page, "health-initial")).toBe(2_000_000_000n);
  });

  it("deposits SOL and sees the health before he signs", async () => {
    const before = await figure(page, "health-initial");
    await page
      .getByRole("region", { name: "Balances" })
      .getByRole("button", { name: "Deposit", exact: true })
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Asset").selectOption({ label: "SOL" });
    await dialog.getByLabel("Amount").fill("1");
    const projected = await dialog.getByTestId("projected-initial").getAttribute("data-value");
    await dialog.getByRole("button", { name: "Deposit", exact: true }).click();
    await confirmed(page, /^Deposit 1 SOL/);
    const after = await figure(page, "health-initial");
    expect(after).toBeGreaterThan(before);
    // Prices stand still here; a unit may be lost to rounding into shares.
    expect(Math.abs(Number(after - BigInt(projected ?? 0)))).toBeLessThanOrEqual(2);
  });

  it("is told why something is not allowed, and nobody asks him to sign it", async () => {
    const asked = wallet.asked;
    await page
      .getByRole("region", { name: "Balances" })
      .getByRole("button", { name: "Borrow", exact: true })
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Amount").fill("100000");
    await dialog
      .getByText(/below its initial margin/i)
      .first()
      .waitFor();
    expect(await dialog.getByRole("button", { name: "Borrow", exact: true }).isDisabled()).toBe(
      true,
    );
    await page.keyboard.press("Escape");
    expect(wallet.asked).toBe(asked);
  });

  it("buys a perpetual from the market maker", async () => {
    await goTo("Trade");
    await page.getByLabel("Type").selectOption({ label: "Market" });
    await page.getByRole("button", { name: "75%" }).click();
    const ticket = page.getByRole("form", { name: "Order ticket" });
    const button = ticket.getByRole("button", { name: /^Buy .* SOL-PERP/ });
    await button.click();
    await confirmed(page, /^Buy .* SOL-PERP/);
    await page.getByTestId("position-lots").waitFor();
    expect(await figure(page, "position-lots")).toBeGreaterThan(0n);
  });

  it("rests an order and takes it back", async () => {
    const ticket = page.getByRole("form", { name: "Order ticket" });
    await ticket.getByText("Sell", { exact: true }).click();
    await ticket.getByLabel("Type").selectOption({ label: "Post-only" });
    await ticket.getByRole("button", { name: "Ask", exact: true }).click();
    await ticket.getByRole("textbox", { name: "Size" }).fill("1");
    await ticket.getByRole("button", { name: /^Sell 1 SOL-PERP/ }).click();
    await confirmed(page, /^Sell 1 SOL-PERP/);
    await page.getByRole("tab", { name: /orders/i }).click();
    await page.getByRole("button", { name: /^Cancel all/ }).click();
    await confirmed(page, /^Cancel/);
  });

  it("opens a call spread as one package", async () => {
    await goTo("Options");
    await page.getByRole("button", { name: /Call spread/i }).click();
    await page.getByRole("button", { name: "Trade all 2 legs" }).click();
    await confirmed(page, /legs/);
    await goTo("Portfolio");
    const positions = page.getByRole("region", { name: "Positions" }).first();
    await positions
      .getByText(/SOL-\d{8}-[\d.]+-C/)
      .first()
      .waitFor();
    expect(await positions.getByText(/SOL-\d{8}-[\d.]+-C/).count()).toBe(2);
  });

  it("simulates a fall by 20%", async () => {
    const health = await figure(page, "health-maintenance");
    await goTo("Simulator");
    await page.getByLabel("SOL price", { exact: true }).fill("-20");
    await expect
      .poll(async () => figure(page, "after-health-maintenance"), { timeout: 15_000 })
      .toBeLessThan(health);
    // The link restores it for anybody, the account included.
    await page.getByRole("button", { name: "Copy link" }).click();
    const link = await page.evaluate(() => navigator.clipboard.readText());
    const restored = await browser.newPage();
    await restored.goto(link);
    await expect
      .poll(async () => figure(restored, "after-health-maintenance"), { timeout: 15_000 })
      .toBeLessThan(health);
    expect(await restored.getByLabel("SOL price", { exact: true }).inputValue()).toBe("-20");
    await restored.close();
  });

  it("is liquidated in part when the price falls", async () => {
    await goTo("Portfolio");
    const before = await figure(page, "equity");
    await localnet.price("SOL", "x0.88");
    await goTo("History");
    await page
      .getByRole("cell")
      .filter({ hasText: /^Liquidated/ })
      .first()
      .waitFor({ timeout: 90_000 });
    await goTo("Portfolio");
    await expect
      .poll(async () => figure(page, "health-maintenance"), { timeout: 60_000 })
      .toBeGreaterThanOrEqual(0n);
    const after = await figure(page, "equity");
    expect(after).toBeGreaterThan(0n);
    expect(after).toBeLessThan(before);
    // A part of the position is still there.
    await page.getByRole("region", { name: "Positions" }).first().getByText("SOL-PERP").waitFor();
  });

  it("closes what is left of the perpetual", async () => {
    await page.getByRole("link", { name: "Close SOL-PERP" }).click();
    await page
      .getByRole("main")
      .getByRole("button", { name: /^Close/ })
      .click();
    const ticket = page.getByRole("form", { name: "Order ticket" });
    expect(await ticket.getByLabel("Reduce only").isChecked()).toBe(true);
    await ticket.getByRole("button", { name: /^Sell .* SOL-PERP/ }).click();
    await confirmed(page, /^Sell .* SOL-PERP/);
    await goTo("Portfolio");
  });

  it("withdraws", async () => {
    await page
      .getByRole("region", { name: "Balances" })
      .getByRole("button", { name: "Withdraw SOL" })
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Amount").fill("0.01");
    await dialog.getByRole("button", { name: "Withdraw", exact: true }).click();
    await confirmed(page, /^Withdraw 0.01 SOL/);
  });

  it("sees nothing go wrong in the page", () => {
    expect(found).toEqual([]);
  });
});

describe("what goes wrong", () => {
  it("a signature is rejected", async () => {
    wallet.mood = "reject";
    await page
      .getByRole("region", { name: "Balances" })
      .getByRole("button", { name: "Deposit", exact: true })
      .click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Amount").fill("3");
    await dialog.getByRole("button", { name: "Deposit", exact: true }).click();
    expect(await failed(page, /^Deposit 3/)).toContain("You have rejected the transaction");
    wallet.mood = "sign";
    await page.keyboard.press("Escape");
  });

  it("a wallet is on another network", async () => {
    const other = await newPage(["solana:mainnet"]);
    await connect(other);
    await other.getByText("Wrong network").waitFor();
    await other.getByText(/Test wallet cannot sign for localnet/).waitFor();
    await other.context().close();
  });

  it("a price stops", async () => {
    await localnet.price("SOL", "halt");
    await page.getByText(/Stale price: .*SOL\/USD/).waitFor({ timeout: (STALE_S + 60) * 1000 });
    // Nothing can be added; what reduces goes on.
    await goTo("Trade");
    await page.getByText(/stale/i).first().waitFor();
    await localnet.price("SOL", "resume");
    await page.getByText(/Stale price: .*SOL\/USD/).waitFor({ state: "hidden", timeout: 60_000 });
  });

  it("the RPC is gone, and comes back", async () => {
    const validator = execFileSync(
      "pgrep",
      ["-f", `^\\S*solana-test-validator.*${localnet.folder}`],
      {
        encoding: "utf8",
      },
    );
    const pid = Number(validator.trim().split("\n")[0]);
    process.kill(pid, "SIGSTOP");
    try {
      await page.getByText("Disconnected").waitFor({ timeout: 60_000 });
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await page.getByText("Disconnected").waitFor({ state: "hidden", timeout: 60_000 });
  });
});

describe("every page", () => {
  const names = ["Portfolio", "Trade", "Options", "Simulator", "History", "Status"];

  it.each(names)(
    "%s follows the rules of accessibility, light and dark, wide and narrow",
    async (name) => {
      await goTo(name);
      await page.waitForTimeout(1_500);
      for (const theme of ["light", "dark"]) {
        await page.evaluate(
          (dark) => document.documentElement.classList.toggle("dark", dark),
          theme === "dark",
        );
        // Colours change over some frames, more of them on a busy machine.
        await page.waitForFunction(() =>
          document.getAnimations().every((animation) => animation.playState !== "running"),
        );
        await page.waitForTimeout(400);
        await expectAccessible(page, `${name}, ${theme}`);
      }
      await page.setViewportSize({ width: 360, height: 740 });
      await expectAccessible(page, `${name}, as wide as a phone`);
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect(overflow, `${name} is wider than a phone`).toBeLessThanOrEqual(0);
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.evaluate(() => document.documentElement.classList.remove("dark"));
    },
  );
});
