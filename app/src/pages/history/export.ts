/** A history as a file: exact integers in smallest units next to amounts in whole ones. */
import type { Address } from "@solana/kit";
import type { HistoryEntry } from "@/chain/history";
import { editDecimal } from "@/format/decimal";
import { QUOTE_DECIMALS } from "@/format/format";
import type { Described, Quantity } from "./describe";

/** An event of a transaction, in words and as the program has it. */
export interface Row {
  /** Different for every row. */
  key: string;
  entry: HistoryEntry;
  /** Nothing for a transaction in which nothing was told. */
  told: Described | null;
  /** The event as the program wrote it. */
  data: unknown;
}

const isoTime = ({ time }: HistoryEntry) =>
  time === null ? "" : new Date(time * 1000).toISOString();

const whole = (quantity?: Quantity) =>
  quantity ? editDecimal(quantity.native, quantity.decimals) : "";
const native = (quantity?: Quantity) => quantity?.native.toString() ?? "";

/** Columns of the CSV, in this order. Amounts end in `_native` when they are integers of the smallest unit. */
const COLUMNS: Record<string, (row: Row) => string> = {
  time: ({ entry }) => isoTime(entry),
  slot: ({ entry }) => entry.slot.toString(),
  signature: ({ entry }) => entry.signature,
  failed: ({ entry }) => (entry.failed ? "yes" : "no"),
  logs_complete: ({ entry }) => (entry.truncated ? "no" : "yes"),
  event: ({ told }) => told?.event ?? "",
  what: ({ told }) => told?.title ?? "",
  description: ({ told }) => told?.text ?? "",
  market: ({ told }) => told?.market ?? "",
  side: ({ told }) => told?.side ?? "",
  role: ({ told }) => told?.role ?? "",
  size: ({ told }) => whole(told?.size),
  size_unit: ({ told }) => told?.size?.unit ?? "",
  size_lots: ({ told }) => told?.lots?.toString() ?? "",
  price: ({ told }) => (told?.price ? editDecimal(told.price.perUnit, QUOTE_DECIMALS) : ""),
  price_per_lot_native: ({ told }) => told?.price?.perLot.toString() ?? "",
  amount: ({ told }) => whole(told?.amount),
  amount_unit: ({ told }) => told?.amount?.unit ?? "",
  amount_native: ({ told }) => native(told?.amount),
  fee: ({ told }) => whole(told?.fee),
  fee_unit: ({ told }) => told?.fee?.unit ?? "",
  fee_native: ({ told }) => native(told?.fee),
  funding: ({ told }) => whole(told?.funding),
  funding_native: ({ told }) => native(told?.funding),
};

const NUMBER = /^-?\d+(\.\d+)?$/;

/** A cell that no spreadsheet takes for a formula: such texts begin with an apostrophe. */
export function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r\n]/.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180. */
export function toCsv(rows: readonly Row[]): string {
  const lines = [
    Object.keys(COLUMNS),
    ...rows.map((row) => Object.values(COLUMNS).map((column) => column(row))),
  ];
  return lines.map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** Integers become strings, bytes lists of numbers: JSON's own numbers are not exact. */
function exact(_: string, value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  return value instanceof Uint8Array ? [...value] : value;
}

const jsonAmount = (quantity?: Quantity) =>
  quantity && { amount: whole(quantity), unit: quantity.unit, native: quantity.native };

/** Every event in words, in whole and smallest units, and as the program wrote it. */
export function toJson(account: Address, rows: readonly Row[]): string {
  const history = rows.map(({ entry, told, data }) => ({
    time: isoTime(entry) || null,
    slot: entry.slot,
    signature: entry.signature,
    failed: entry.failed,
    logsComplete: !entry.truncated,
    ...(told && {
      event: told.event,
      what: told.title,
      description: told.text,
      market: told.market,
      side: told.side,
      role: told.role,
      lots: told.lots,
      size: jsonAmount(told.size),
      price: told.price && {
        perUnit: editDecimal(told.price.perUnit, QUOTE_DECIMALS),
        perLotNative: told.price.perLot,
      },
      amount: jsonAmount(told.amount),
      fee: jsonAmount(told.fee),
      funding: jsonAmount(told.funding),
      data,
    }),
  }));
  return `${JSON.stringify({ account, history }, exact, 2)}\n`;
}

/** `ballast-<account>-2026-12-25.csv`, with the day in UTC. */
export function fileName(account: Address, unix: number, ending: "csv" | "json"): string {
  return `ballast-${account}-${new Date(unix * 1000).toISOString().slice(0, 10)}.${ending}`;
}

const TYPES = { csv: "text/csv;charset=utf-8", json: "application/json" };

/** Gives a file to the reader. */
export function download(name: string, ending: keyof typeof TYPES, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: TYPES[ending] }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1_000);
}
