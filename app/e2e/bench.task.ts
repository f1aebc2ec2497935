/** Measures the size of the app, its first load and its updates, and writes them into docs/frontend.md. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { quantile, Stream } from "./stream";
import { Vectors } from "./vectors";

const DOCUMENT = fileURLToPath(new URL("../../docs/frontend.md", import.meta.url));
const ASSETS = fileURLToPath(new URL("../dist/assets", import.meta.url));
const BEGIN = "<!-- measured by cargo xtask app bench -->\n";
const END = "<!-- end of what is measured -->";
const LOADS = 5;

let vectors: Vectors;
beforeAll(async () => {
  vectors = await Vectors.start();
});
afterAll(() => vectors?.stop());

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
const milliseconds = (duration: number) => `${duration.toFixed(1)} ms`;

/** Raw and compressed size of files. */
function sizes(files: string[]) {
  const contents = files.map((file) => readFileSync(`${ASSETS}/${file}`));
  return [
    contents.reduce((sum, content) => sum + content.length, 0),
    contents.reduce((sum, content) => sum + gzipSync(content, { level: 9 }).length, 0),
  ] as const;
}

it("is measured", async () => {
  const portfolio = vectors.portfolios.find(({ positions }) => positions === 32);
  const board = portfolio && vectors.boards[portfolio.board];
  if (!board) throw new Error("no portfolio has 32 positions");
  const rows: [string, string][] = [];

  const files = readdirSync(ASSETS);
  const weigh = (name: string, wanted: string[]) => {
    const [raw, compressed] = sizes(wanted);
    rows.push([name, `${kilobytes(raw)}, ${kilobytes(compressed)} compressed (gzip)`]);
  };
  weigh(
    "margin engine",
    files.filter((file) => file.endsWith(".wasm")),
  );
  weigh(
    "all scripts and styles, every page",
    files.filter((file) => /\.(js|css)$/.test(file)),
  );

  const loads: { paint: number; figures: number; files: string[] }[] = [];
  for (let load = 0; load < LOADS; load += 1) {
    const page = await vectors.look(portfolio);
    await page.getByTestId("health-maintenance").first().waitFor();
    loads.push(
      await page.evaluate(() => ({
        paint: performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? NaN,
        figures: performance.getEntriesByName("ballast-figures")[0]?.startTime ?? NaN,
        files: performance
          .getEntriesByType("resource")
          .map(({ name }) => new URL(name).pathname)
          .filter((path) => path.startsWith("/assets/"))
          .map((path) => path.slice("/assets/".length)),
      })),
    );
    await page.close();
  }
  weigh("of that loaded for the portfolio, engine included", [...new Set(loads[0]?.files ?? [])]);
  const middle = (values: number[]) =>
    quantile(
      values.sort((a, b) => a - b),
      0.5,
    );
  rows.push([
    "first paint, from this machine",
    milliseconds(middle(loads.map(({ paint }) => paint))),
  ]);
  rows.push([
    "figures of the portfolio, from this machine",
    milliseconds(middle(loads.map(({ figures }) => figures))),
  ]);

  const stream = new Stream();
  const page = await vectors.look(portfolio, (page) => stream.install(page));
  await page.waitForTimeout(3_000);
  const durations = await stream.play(page, board, 200, 50);
  rows.push([
    "an update of prices with 32 options on the page, figures and components: 10th percentile, median, 90th percentile",
    [0.1, 0.5, 0.9].map((part) => milliseconds(quantile(durations, part))).join(", "),
  ]);
  rows.push([
    "updates shown of 200 that were sent at twenty a second; later ones replace earlier ones",
    String(durations.length),
  ]);
  await page.close();

  const table = ["| | |", "| --- | --- |", ...rows.map((row) => `| ${row.join(" | ")} |`)].join(
    "\n",
  );
  const text = readFileSync(DOCUMENT, "utf8");
  const [before, after] = [text.indexOf(BEGIN), text.indexOf(END)];
  expect(before >= 0 && after > before, "docs/frontend.md has its marks").toBe(true);
  writeFileSync(DOCUMENT, `${text.slice(0, before)}${BEGIN}${table}\n${text.slice(after)}`);
  console.log(table);
});
