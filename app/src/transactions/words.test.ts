import { describe, expect, it } from "vitest";
import { BALLAST_ERRORS } from "@/client";
import { ADVISED, failureWords, programWords } from "./words";

const custom = (code: number) => ({ InstructionError: [1, { Custom: code }] });

describe("refusals in words", () => {
  it("gives advice only for errors that exist", () => {
    const names = new Set([...BALLAST_ERRORS.values()].map(({ name }) => name));
    expect(ADVISED.filter((name) => !names.has(name))).toEqual([]);
  });

  it("has words for every error of the program", () => {
    for (const [code, { name }] of BALLAST_ERRORS) {
      expect(programWords(code).what.length, name).toBeGreaterThan(10);
    }
  });

  it("tells what to do", () => {
    const code =
      [...BALLAST_ERRORS].find(([, { name }]) => name === "BelowInitialMargin")?.[0] ?? 0;
    const words = failureWords({ error: custom(code), logs: [] });
    expect(words).toEqual({
      what: "The account would be below its initial margin.",
      advice: "Deposit more, trade less, or close something first.",
      code: `BelowInitialMargin (${code})`,
    });
  });

  it("knows the runtime's reasons", () => {
    expect(failureWords({ error: "AccountNotFound", logs: [] }).advice).toContain("SOL");
    const system = ["Program 11111111111111111111111111111111 failed: custom program error: 0x1"];
    expect(failureWords({ error: custom(1), logs: system }).what).toContain("too little SOL");
    const token = ["Program Tokenkeg failed: custom program error: 0x1"];
    expect(failureWords({ error: custom(1), logs: token }).what).toContain("holds less");
    const anchor = [
      "Program log: AnchorError. Error Number: 2003. Error Message: A raw constraint was violated.",
    ];
    expect(failureWords({ error: custom(2003), logs: anchor }).what).toBe(
      "A raw constraint was violated.",
    );
    expect(
      failureWords({ error: { InstructionError: [0, "MissingRequiredSignature"] }, logs: [] }).what,
    ).toContain("MissingRequiredSignature");
  });
});
