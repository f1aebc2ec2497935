/** A bare validator with accounts that are given, for looking at portfolios nobody could trade into. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Address } from "@solana/kit";
import { BALLAST_PROGRAM_ADDRESS } from "../src/client";
import { fromEnvironment } from "./processes";

/** Accounts of the program by address. */
export type Accounts = ReadonlyMap<Address, Uint8Array>;

export class Validator {
  readonly rpcUrl: string;
  readonly wsUrl: string;
  private readonly child: ChildProcess;
  private readonly folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.rpcUrl = `http://127.0.0.1:${port}`;
    this.wsUrl = `ws://127.0.0.1:${port + 1}`;
    this.child = child;
    this.folder = folder;
  }

  static async start(accounts: Accounts): Promise<Validator> {
    const folder = mkdtempSync(join(tmpdir(), "ballast-validator-"));
    const accountsFolder = join(folder, "accounts");
    mkdirSync(accountsFolder);
    for (const [pubkey, data] of accounts) {
      const account = {
        lamports: 10_000_000_000,
        data: [Buffer.from(data).toString("base64"), "base64"],
        owner: BALLAST_PROGRAM_ADDRESS,
        executable: false,
        rentEpoch: 0,
      };
      writeFileSync(join(accountsFolder, `${pubkey}.json`), JSON.stringify({ pubkey, account }));
    }
    const port = await freePorts(34);
    const log = openSync(join(folder, "output.log"), "w");
    const options = {
      "--ledger": join(folder, "ledger"),
      "--account-dir": accountsFolder,
      "--bind-address": "127.0.0.1",
      "--rpc-port": port,
      "--faucet-port": port + 2,
      "--gossip-port": port + 3,
      "--dynamic-port-range": `${port + 4}-${port + 34}`,
    };
    const child = spawn(
      fromEnvironment("BALLAST_VALIDATOR"),
      [...Object.entries(options).flatMap(([name, value]) => [name, String(value)]), "--quiet"],
      { stdio: ["ignore", log, log] },
    );
    const validator = new Validator(port, child, folder);
    for (let waited = 0; waited < 600; waited += 1) {
      if (child.exitCode !== null) {
        throw new Error(
          `the validator has ended:\n${readFileSync(join(folder, "output.log"), "utf8")}`,
        );
      }
      if (await validator.isHealthy()) return validator;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await validator.stop();
    throw new Error("the validator was not ready in a minute");
  }

  private async isHealthy(): Promise<boolean> {
    try {
      const response = await fetch(this.rpcUrl, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "getHealth" }),
      });
      return ((await response.json()) as { result?: string }).result === "ok";
    } catch {
      return false;
    }
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const ended = new Promise((resolve) => this.child.once("exit", resolve));
      this.child.kill("SIGKILL");
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The first of so many ports above each other that nobody uses. */
async function freePorts(count: number): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const first = 20_000 + Math.floor(Math.random() * 20_000);
    const free = await Promise.all(
      Array.from({ length: count }, (_, index) => isFree(first + index)),
    );
    if (free.every(Boolean)) return first;
  }
  throw new Error("no free ports");
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
