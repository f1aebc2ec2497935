import { describe, expect, it } from "vitest";
import { EngineError } from "@/engine/engine";
import { attempt } from "./attempt";

describe("a question to the engine", () => {
  it("has an answer or a problem in words", () => {
    expect(attempt(() => 7n)).toEqual({ value: 7n, problem: null });
    const refuse = () => {
      throw new EngineError({ code: 2, name: "Odd", message: "It is odd" });
    };
    expect(attempt(refuse)).toEqual({ value: null, problem: "It is odd" });
  });

  it("does not hide mistakes of the page", () => {
    const fail = () => {
      throw new TypeError("no");
    };
    expect(() => attempt(fail)).toThrow(TypeError);
  });
});
