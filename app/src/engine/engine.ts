/**
 * The margin engine: the code that the program runs on chain, compiled to WebAssembly, over the bytes of the same accounts.
 *
 * Works in browsers and in Node. Integers are exact (`bigint`); a field whose name ends in `Q32` is a value times 2^32.
 */

import type {
  AssessRequest,
  Assessment,
  CurvePoint,
  CurveRequest,
  Failure,
  Grid,
  GridRequest,
  LargestAnswer,
  LargestRequest,
  LegsRequest,
  LiquidationMarksAnswer,
  LiquidationMarksRequest,
  Package,
  Quote,
  QuotesRequest,
  Venue,
  VenueRequest,
  WhatIfAnswer,
  WhatIfRequest,
} from "./types";

export type * from "./types";

/** Requests and answers by the operation's name. */
interface Operations {
  venue: [VenueRequest, Venue];
  assess: [AssessRequest, Assessment];
  whatIf: [WhatIfRequest, WhatIfAnswer];
  liquidationMarks: [LiquidationMarksRequest, LiquidationMarksAnswer];
  quotes: [QuotesRequest, Quote[]];
  curve: [CurveRequest, CurvePoint[]];
  grid: [GridRequest, Grid];
  legs: [LegsRequest, Package];
  largest: [LargestRequest, LargestAnswer];
}

type Answer<T> = { ok: T } | { error: Failure };

/** What the module exports, see `crates/risk-wasm/src/abi.rs`. */
interface Exports {
  memory: WebAssembly.Memory;
  reserve(length: number): number;
  release(address: number, length: number): void;
  load(which: number, address: number, length: number): bigint;
  call(address: number, length: number): bigint;
}

/** The accounts by their number in `load`. */
const EXCHANGE = 0;
const BOARD = 1;
const ACCOUNT = 2;
const BANK = 3;

/** 1 in Q32. */
export const Q32_ONE = 1n << 32n;

/** A Q32 number as a float, for charts and percentages; never for money that is computed with. */
export function fromQ32(value: bigint): number {
  return Number(value) / 2 ** 32;
}

/** A float in Q32. */
export function toQ32(value: number): bigint {
  const whole = Math.floor(value);
  return BigInt(whole) * Q32_ONE + BigInt(Math.round((value - whole) * 2 ** 32));
}

/** Why a request has no answer. */
export class EngineError extends Error {
  /** The program's error code, or 1 to 3 for what only the engine says. */
  readonly code: number;

  constructor({ code, name, message }: Failure) {
    super(message);
    this.code = code;
    this.name = name;
  }
}

/** Text to and from JSON in which integers are strings such as `"-123n"`. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "bigint" ? `${part}n` : part,
  );
}

/** See {@link toJson}. */
export function fromJson(text: string): unknown {
  return withIntegers(JSON.parse(text));
}

const DIGITS = /^-?\d+n$/;
const LETTER_N = 110;

/** Turns integers into what they are, in place. Several times as fast as a reviver, and answers come with every update of a price. */
function withIntegers(value: unknown): unknown {
  if (typeof value === "string") {
    const isInteger = value.charCodeAt(value.length - 1) === LETTER_N && DIGITS.test(value);
    return isInteger ? BigInt(value.slice(0, -1)) : value;
  }
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) value[index] = withIntegers(value[index]);
  } else if (typeof value === "object" && value !== null) {
    const parts = value as Record<string, unknown>;
    for (const key of Object.keys(parts)) {
      const part = parts[key];
      if (typeof part !== "number" && typeof part !== "boolean") parts[key] = withIntegers(part);
    }
  }
  return value;
}

/** Answers questions about an exchange and one margin account from their bytes. */
export class Engine {
  readonly #exports: Exports;

  private constructor(instance: WebAssembly.Instance) {
    this.#exports = instance.exports as unknown as Exports;
  }

  /** Starts an engine from the module's bytes, from the module itself, or from where it can be fetched. */
  static async start(source: BufferSource | WebAssembly.Module | URL | string): Promise<Engine> {
    if (source instanceof WebAssembly.Module) {
      return new Engine(await WebAssembly.instantiate(source));
    }
    if (typeof source === "string" || source instanceof URL) {
      const response = await fetch(source);
      if (!response.ok) {
        throw new EngineError({
          code: 0,
          name: "EngineUnavailable",
          message: `the engine could not be fetched: ${response.status}`,
        });
      }
      return Engine.start(await response.arrayBuffer());
    }
    return new Engine((await WebAssembly.instantiate(source)).instance);
  }

  /** Takes the exchange's account data. */
  loadExchange(data: Uint8Array): void {
    this.#load(EXCHANGE, data);
  }

  /** Takes the board's account data. */
  loadBoard(data: Uint8Array): void {
    this.#load(BOARD, data);
  }

  /** Takes the data of the margin account that requests are about; an empty account is assumed without. */
  loadAccount(data: Uint8Array | null): void {
    this.#load(ACCOUNT, data ?? new Uint8Array());
  }

  /** Takes a bank's account data, for its caps and what may leave it. One of the same asset is replaced. */
  loadBank(data: Uint8Array): void {
    this.#load(BANK, data);
  }

  /** Everything about the exchange and its board. */
  venue(request: VenueRequest): Venue {
    return this.#ask("venue", request);
  }

  /** The figures of the account. */
  assess(request: AssessRequest): Assessment {
    return this.#ask("assess", request);
  }

  /** The figures before and after changes, and whether the program would allow them. */
  whatIf(request: WhatIfRequest): WhatIfAnswer {
    return this.#ask("whatIf", request);
  }

  /** The nearest marks of an underlying at which a liquidation could begin. */
  liquidationMarks(request: LiquidationMarksRequest): LiquidationMarksAnswer {
    return this.#ask("liquidationMarks", request);
  }

  /** Marks and sensitivities of markets. */
  quotes(request: QuotesRequest): Quote[] {
    return this.#ask("quotes", request);
  }

  /** Profit and health along prices. */
  curve(request: CurveRequest): CurvePoint[] {
    return this.#ask("curve", request);
  }

  /** Profit and health over prices and implied volatilities. */
  grid(request: GridRequest): Grid {
    return this.#ask("grid", request);
  }

  /** What a package of trades is worth by itself. */
  legs(request: LegsRequest): Package {
    return this.#ask("legs", request);
  }

  /** The largest size of a change that is allowed. */
  largest(request: LargestRequest): LargestAnswer {
    return this.#ask("largest", request);
  }

  #load(which: number, data: Uint8Array): void {
    this.#pass(data, (address) => this.#exports.load(which, address, data.length));
  }

  #ask<K extends keyof Operations>(operation: K, request: Operations[K][0]): Operations[K][1] {
    const bytes = new TextEncoder().encode(toJson({ operation, ...request }));
    return this.#pass(bytes, (address) => this.#exports.call(address, bytes.length));
  }

  /** Puts bytes into the module's memory and reads what it answers. */
  #pass<T>(bytes: Uint8Array, work: (address: number) => bigint): T {
    const { memory, reserve, release } = this.#exports;
    const address = reserve(bytes.length);
    new Uint8Array(memory.buffer, address, bytes.length).set(bytes);
    const packed = work(address);
    release(address, bytes.length);
    const [start, length] = [Number(packed >> 32n), Number(packed & 0xffff_ffffn)];
    const text = new TextDecoder().decode(new Uint8Array(memory.buffer, start, length));
    release(start, length);
    const answer = fromJson(text) as Answer<T>;
    if ("error" in answer) {
      throw new EngineError(answer.error);
    }
    return answer.ok;
  }
}
