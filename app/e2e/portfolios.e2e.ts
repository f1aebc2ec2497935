/**
 * The health that the page shows is the program's, to the unit: a hundred random portfolios whose figures the program's engine has given on the VM
 * stand on a validator as accounts, and the page looks at each.
 */
import { afterAll, beforeAll, expect, it } from "vitest";
import { complaints, figure } from "./browser";
import { Vectors } from "./vectors";

let vectors: Vectors;
beforeAll(async () => {
  vectors = await Vectors.start();
});
afterAll(() => vectors?.stop());

it("shows the program's health of a hundred random portfolios", async () => {
  let compared = 0;
  for (const board of vectors.boards.keys()) {
    const portfolios = vectors.portfolios.filter((portfolio) => portfolio.board === board);
    const [first] = portfolios;
    if (!first) continue;
    const page = await vectors.look(first);
    const found = complaints(page);
    for (const { key, figures } of portfolios) {
      await page.evaluate((account) => {
        history.pushState({}, "", `?account=${account}`);
        dispatchEvent(new PopStateEvent("popstate"));
      }, key);
      await page.locator(`[data-account="${key}"]`).waitFor();
      // Where prices allow no risk to be added, the page says so and shows the last known figures.
      const expected = "error" in figures.addRisk ? figures.reduceRisk : figures.addRisk;
      if ("error" in expected) throw new Error(`portfolio ${compared} has no figures`);
      const shown = {
        equityMark: await figure(page, "equity"),
        healthInitial: await figure(page, "health-initial"),
        healthMaintenance: await figure(page, "health-maintenance"),
        initialMargin: await figure(page, "initial-margin"),
        maintenanceMargin: await figure(page, "maintenance-margin"),
      };
      expect(expected, `portfolio ${compared}`).toMatchObject(shown);
      compared += 1;
    }
    expect(found).toEqual([]);
    await page.close();
  }
  expect(compared).toBe(100);
}, 300_000);
