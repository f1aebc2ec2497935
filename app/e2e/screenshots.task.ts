/** Takes the pictures of the documentation: a trader with a hedged position on a localnet of its own, into docs/app. */
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, it } from "vitest";
import { confirmed, launch } from "./browser";
import { Localnet } from "./processes";
import { TestWallet } from "./wallet";

const FOLDER = fileURLToPath(new URL("../../docs/app/", import.meta.url));

let localnet: Localnet;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  mkdirSync(FOLDER, { recursive: true });
  localnet = await Localnet.start();
  browser = await launch();
  const context = await browser.newContext({
    viewport: { width: 1280, height: 860 },
    colorScheme: "light",
  });
  page = await context.newPage();
  const wallet = await TestWallet.make();
  await wallet.install(page);
  await localnet.fund(wallet.address);
  await page.goto(localnet.description.app_url);
  await page.getByRole("banner").getByRole("button", { name: "Connect" }).click();
  await page.getByRole("button", { name: "Test wallet" }).click();
  await page.getByLabel("Amount").fill("20,000");
  await page.getByRole("button", { name: "Open and deposit" }).click();
  await confirmed(page, "Open an account with 20,000 USDC");
});

afterAll(async () => {
  await browser?.close();
  await localnet?.stop();
});

async function goTo(name: string): Promise<void> {
  await page.getByRole("link", { name, exact: true }).first().click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
  await page.waitForTimeout(3_000);
}

async function shoot(name: string): Promise<void> {
  // Without the toasts of what was done before.
  await page.evaluate(() => document.querySelector("[data-sonner-toaster]")?.remove());
  await page.screenshot({ path: `${FOLDER}${name}.png` });
}

it("takes the pictures", async () => {
  await goTo("Trade");
  await page.getByLabel("Type").selectOption({ label: "Market" });
  await page.getByRole("textbox", { name: "Size" }).fill("80");
  await page.getByRole("button", { name: /^Buy 80 SOL-PERP/ }).click();
  await confirmed(page, /^Buy 80 SOL-PERP/);
  await goTo("Options");
  await page.getByRole("button", { name: /Protective put/i }).click();
  await page.waitForTimeout(1_500);
  await shoot("options");
  await page.getByRole("button", { name: "Trade all 2 legs" }).click();
  await confirmed(page, /legs/);
  await goTo("Trade");
  await page.getByRole("textbox", { name: "Size" }).fill("10");
  await page.waitForTimeout(1_500);
  await shoot("trade");
  await goTo("Simulator");
  await page.getByLabel("SOL price", { exact: true }).fill("-20");
  await page.waitForTimeout(1_500);
  await shoot("simulator");
  await goTo("Portfolio");
  await shoot("portfolio");
  await page.setViewportSize({ width: 390, height: 844 });
  await page.evaluate(() => document.documentElement.classList.add("dark"));
  await page.waitForTimeout(500);
  await shoot("phone");
});
