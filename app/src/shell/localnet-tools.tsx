/** What only a local cluster has: test tokens, and prices set by hand. */
import { useQueryClient } from "@tanstack/react-query";
import { FlaskRound } from "lucide-react";
import { useState, type FormEvent } from "react";
import { toast } from "sonner";
import { useNetwork } from "@/network";
import { useVenue } from "@/state/live";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { SelectField, TextField } from "@/ui/field";
import { useWallet } from "@/wallet/context";

async function post(url: string, body: unknown): Promise<void> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (response.ok) return;
  const { error } = (await response.json().catch(() => ({}))) as { error?: string };
  throw new Error(error ?? `status ${response.status}`);
}

/** A button that opens them; nothing on other clusters. */
export function LocalnetTools() {
  const { faucet, prices } = useNetwork();
  const [isOpen, setOpen] = useState(false);
  if (!faucet && !prices) return null;
  return (
    <>
      <Button
        variant="ghost"
        className="px-2"
        aria-label="Localnet tools"
        onClick={() => setOpen(true)}
      >
        <FlaskRound aria-hidden className="size-4" />
        <span className="max-xl:sr-only">Localnet tools</span>
      </Button>
      <Dialog
        open={isOpen}
        onOpenChange={setOpen}
        title="Localnet tools"
        description="Only on this machine: tokens without value, and prices as you like them."
      >
        <div className="grid gap-6">
          {faucet && <Faucet url={faucet} />}
          {prices && <Prices url={prices} />}
        </div>
      </Dialog>
    </>
  );
}

/** SOL for fees and 100,000 dollars' worth of every token. */
export function Faucet({ url }: { url: string }) {
  const { connected } = useWallet();
  const queries = useQueryClient();
  const [isWaiting, setWaiting] = useState(false);
  async function ask(address: string) {
    setWaiting(true);
    try {
      await post(url, { address });
      toast.success("Test tokens are in your wallet");
      await queries.invalidateQueries();
    } catch (error) {
      toast.error(
        `The faucet gave nothing: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      setWaiting(false);
    }
  }
  return (
    <div className="grid gap-2">
      <Button
        variant="primary"
        disabled={!connected || isWaiting}
        onClick={() => connected && void ask(connected.address)}
      >
        {isWaiting ? "Asking the faucet…" : "Get test tokens"}
      </Button>
      <p className="text-xs text-soft">
        {connected
          ? "100 SOL for fees and 100,000 dollars’ worth of every token."
          : "Connect a wallet first: the tokens go there."}
      </p>
    </div>
  );
}

const MOVES = [
  { action: "x0.8", text: "Falls by 20%" },
  { action: "x0.95", text: "Falls by 5%" },
  { action: "x1.05", text: "Rises by 5%" },
  { action: "x1.25", text: "Rises by 25%" },
  { action: "halt", text: "Stops being published" },
  { action: "resume", text: "Is published again" },
] as const;

function Prices({ url }: { url: string }) {
  const venue = useVenue();
  const tickers = [...new Set(venue.feeds.map(({ name }) => name.split("/")[0] ?? name))];
  const [ticker, setTicker] = useState(tickers.find((name) => name === "SOL") ?? tickers[0] ?? "");
  const [action, setAction] = useState("x0.8");
  async function set(event: FormEvent) {
    event.preventDefault();
    try {
      await post(url, { ticker, action });
      toast.success(`${ticker}: ${action}, within some seconds`);
    } catch (error) {
      toast.error(`The price stays: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return (
    <form onSubmit={(event) => void set(event)} className="grid gap-3 border-t pt-4">
      <h3 className="text-sm font-semibold">A price by hand</h3>
      <div className="grid grid-cols-2 gap-3">
        <SelectField
          label="Price of"
          value={ticker}
          onChange={(event) => setTicker(event.target.value)}
        >
          {tickers.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </SelectField>
        <TextField
          label="Becomes"
          value={action}
          onChange={(event) => setAction(event.target.value.trim())}
          hint="120, x0.8, halt or resume"
        />
      </div>
      <div className="flex flex-wrap gap-2">
        {MOVES.map((move) => (
          <Button key={move.action} size="sm" onClick={() => setAction(move.action)}>
            {move.text}
          </Button>
        ))}
      </div>
      <Button type="submit" variant="secondary">
        Set the price
      </Button>
    </form>
  );
}
