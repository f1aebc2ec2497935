import { address, signature } from "@solana/kit";
import { describe, expect, it } from "vitest";
import { csvCell, fileName, toCsv, toJson, type Row } from "./export";

const ACCOUNT = address("4Nd1mYQ1t9nUDxBGFVAPfBvsELkEfrCKUFeTCvqtQz8S");
const SIGNATURE = signature("1".repeat(64));

const row: Row = {
  key: "0",
  entry: {
    signature: SIGNATURE,
    slot: 9_007_199_254_740_993n,
    time: 1_798_185_600,
    failed: false,
    truncated: false,
    events: [],
  },
  told: {
    event: "withdrawn",
    kind: "funds",
    title: "Withdrawal",
    text: '=1, of "all"',
    accounts: [ACCOUNT],
    amount: { native: -9_007_199_254_740_993n, decimals: 6, unit: "USDC" },
  },
  data: { amount: 9_007_199_254_740_993n, bytes: new Uint8Array([1, 2]) },
};

describe("history as a file", () => {
  it("has no cell that a spreadsheet takes for a formula", () => {
    expect(csvCell("=HYPERLINK(A1)")).toBe("'=HYPERLINK(A1)");
    expect(csvCell("+1+1")).toBe("'+1+1");
    expect(csvCell("-2+3")).toBe("'-2+3");
    expect(csvCell("@SUM(A1)")).toBe("'@SUM(A1)");
    expect(csvCell("\t=1")).toBe("'\t=1");
    expect(csvCell("-12.5")).toBe("-12.5");
    expect(csvCell("=a,b")).toBe('"\'=a,b"');
    expect(csvCell('say "hi"\n')).toBe('"say ""hi""\n"');
  });

  it("writes CSV with exact and whole amounts", () => {
    const [header = "", line = "", rest] = toCsv([row]).split("\r\n");
    expect(header.split(",")).toContain("amount_native");
    expect(line).toContain("2026-12-25T08:00:00.000Z,9007199254740993,");
    expect(line).toContain('"\'=1, of ""all"""');
    expect(line).toContain(",-9007199254.740993,USDC,-9007199254740993,");
    expect(rest).toBe("");
  });

  it("writes a line for a transaction that has told nothing", () => {
    const silent: Row = { ...row, entry: { ...row.entry, failed: true, time: null }, told: null };
    const [header = "", line = ""] = toCsv([silent]).split("\r\n");
    expect(line.split(",")).toHaveLength(header.split(",").length);
    expect(line).toMatch(/^,9007199254740993,1+,yes,yes,,/);
  });

  it("writes JSON with exact integers as strings", () => {
    expect(JSON.parse(toJson(ACCOUNT, [row]))).toEqual({
      account: ACCOUNT,
      history: [
        {
          time: "2026-12-25T08:00:00.000Z",
          slot: "9007199254740993",
          signature: SIGNATURE,
          failed: false,
          logsComplete: true,
          event: "withdrawn",
          what: "Withdrawal",
          description: '=1, of "all"',
          amount: {
            amount: "-9007199254.740993",
            unit: "USDC",
            native: "-9007199254740993",
          },
          data: { amount: "9007199254740993", bytes: [1, 2] },
        },
      ],
    });
  });

  it("is named after account and day", () => {
    expect(fileName(ACCOUNT, 1_798_185_600, "csv")).toBe(`ballast-${ACCOUNT}-2026-12-25.csv`);
  });
});
