// Brings a network to migrations/<cluster>.toml: `anchor migrate --provider.cluster devnet`.
// DRY_RUN=1 prints the difference only. What stands as $NAME in the file is taken from the environment.
// EXCHANGE_KEYPAIR and BOARD_KEYPAIR name the files of the new accounts the first time, CLUSTER another configuration.

import { spawnSync } from "child_process";
import * as os from "os";
import * as path from "path";

module.exports = async (provider: { connection: { rpcEndpoint: string } }) => {
  const url = provider.connection.rpcEndpoint;
  const isLocal = ["localhost", "127.0.0.1"].some((host) => url.includes(host));
  const known = ["devnet", "testnet", "mainnet"].find((name) => url.includes(name));
  const cluster = process.env.CLUSTER ?? known ?? (isLocal ? "localnet" : undefined);
  if (!cluster) throw new Error("the RPC address does not tell which network it is: set CLUSTER");
  const wallet = process.env.ANCHOR_WALLET ?? path.join(os.homedir(), ".config/solana/id.json");
  const optional = [
    ["--exchange-keypair", process.env.EXCHANGE_KEYPAIR],
    ["--board-keypair", process.env.BOARD_KEYPAIR],
    ["--admin-keypair", process.env.ADMIN_KEYPAIR],
    ["--risk-keypair", process.env.RISK_KEYPAIR],
  ].flatMap(([name, file]) => (file ? [name!, file] : []));
  const dryRun = process.env.DRY_RUN ? ["--dry-run"] : ["--yes"];
  const config = path.join(__dirname, `${cluster}.toml`);
  const { status, error } = spawnSync(
    "cargo",
    ["run", "-p", "ballast-cli", "--", "exchange", "apply", "--config", config, "--url", url]
      .concat(["--keypair", wallet], optional, dryRun),
    { stdio: "inherit", cwd: path.join(__dirname, "..") },
  );
  if (error) throw error;
  if (status !== 0) throw new Error(`exchange apply ended with ${status}`);
};
