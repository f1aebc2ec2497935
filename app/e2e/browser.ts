/** Chromium, and what every test looks for in a page. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium, type Browser, type Page } from "playwright-core";
import { expect } from "vitest";

/** A browser that talks to nobody but this machine. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env.BALLAST_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Collects what a page complains about; a test may take what it expects out of it. */
export function complaints(page: Page): string[] {
  const found: string[] = [];
  page.on("pageerror", (error) => found.push(error.message));
  page.on("console", (message) => {
    if (message.type() === "error") found.push(message.text());
  });
  return found;
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  id: string;
  impact: string;
  nodes: { target: string[]; failureSummary: string }[];
}

/** Checks the page as it is now against the rules of WCAG 2.2 A and AA. */
export async function expectAccessible(page: Page, where: string): Promise<void> {
  // Not by a script element: the page's policy would refuse that.
  await page.evaluate(axe);
  const violations = await page.evaluate(async () => {
    const run = (
      window as unknown as {
        axe: { run: (root: Document, options: object) => Promise<{ violations: Violation[] }> };
      }
    ).axe;
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    return (await run.run(document, { runOnly: { type: "tag", values: tags } })).violations;
  });
  const told = violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target.join(" ")}: ${failureSummary}`),
  );
  expect(told, where).toEqual([]);
}

/** Waits for the toast of a transaction to be confirmed. */
export async function confirmed(page: Page, title: string | RegExp): Promise<void> {
  await settled(page, title, "confirmed");
}

/** Waits for the toast of a transaction to say that it has failed, and gives its words. */
export async function failed(page: Page, title: string | RegExp): Promise<string> {
  return settled(page, title, "failed");
}

async function settled(
  page: Page,
  title: string | RegExp,
  stage: "confirmed" | "failed",
): Promise<string> {
  const toast = page.locator("[data-stage]").filter({ hasText: title }).last();
  const end = page
    .locator('[data-stage="confirmed"],[data-stage="failed"]')
    .filter({ hasText: title })
    .last();
  await end.waitFor({ timeout: 60_000 });
  const text = (await toast.textContent()) ?? "";
  expect(await toast.getAttribute("data-stage"), text).toBe(stage);
  return text;
}

/** An exact figure: what stands in the page to the last unit. */
export async function figure(page: Page, name: string): Promise<bigint> {
  const value = await page.getByTestId(name).first().getAttribute("data-value");
  if (value === null) throw new Error(`${name} has no value`);
  return BigInt(value);
}
