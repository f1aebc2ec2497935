/** A localnet of the tests' own, in a folder of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const app = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a localnet says about itself. */
export interface Description {
  url: string;
  ws_url: string;
  exchange: string;
  board: string;
  mints: Record<string, string>;
  app_url: string;
}

/** A file that `cargo xtask app e2e` names in the environment. */
export function fromEnvironment(variable: string): string {
  const path = process.env[variable];
  if (!path) throw new Error(`${variable} is not set: run \`cargo xtask app e2e\``);
  return path;
}

export class Localnet {
  readonly description: Description;
  readonly folder: string;
  private readonly child: ChildProcess;

  private constructor(description: Description, folder: string, child: ChildProcess) {
    this.description = description;
    this.folder = folder;
    this.child = child;
  }

  /** Starts one and waits until it is ready. */
  static async start(...options: string[]): Promise<Localnet> {
    const folder = mkdtempSync(join(tmpdir(), "ballast-app-"));
    const log = openSync(join(folder, "output.log"), "w");
    const child = spawn(
      fromEnvironment("BALLAST_LOCALNET_BIN"),
      [
        "--folder",
        folder,
        "--rpc-port",
        "0",
        "--app",
        join(app, "dist"),
        "--app-port",
        "0",
        ...options,
      ],
      { stdio: ["ignore", log, log], detached: true },
    );
    const described = join(folder, "localnet.json");
    const output = () => readFileSync(join(folder, "output.log"), "utf8");
    for (let waited = 0; waited < 1200; waited += 1) {
      if (child.exitCode !== null) throw new Error(`the localnet has ended:\n${output()}`);
      if (existsSync(described)) {
        const description = JSON.parse(readFileSync(described, "utf8")) as Description;
        if (description.app_url) return new Localnet(description, folder, child);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    process.kill(-(child.pid ?? 0), "SIGKILL");
    throw new Error(`the localnet was not ready in two minutes:\n${output()}`);
  }

  /** Sets a price by hand, or halts and resumes it: `x0.8`, `120`, `halt`, `resume`. */
  async price(ticker: string, action: string): Promise<void> {
    await this.post("/price", { ticker, action });
  }

  /** SOL and test tokens for a wallet. */
  async fund(address: string): Promise<void> {
    await this.post("/faucet", { address });
  }

  private async post(path: string, body: unknown) {
    const response = await fetch(new URL(path, this.description.app_url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    if (this.child.exitCode === null) {
      this.child.kill("SIGINT");
      const killer = setTimeout(() => process.kill(-(this.child.pid ?? 0), "SIGKILL"), 20_000);
      await ended;
      clearTimeout(killer);
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}
