/** Lets anybody use any RPC and any exchange. */
import { address, isAddress } from "@solana/kit";
import { useState, type FormEvent } from "react";
import { chooseNetwork, hasChosenNetwork, networkOf, type Network } from "@/network";
import { Button } from "@/ui/button";
import { Notice } from "@/ui/feedback";
import { TextField } from "@/ui/field";

export function NetworkForm({ current }: { current?: Network }) {
  const [rpcUrl, setRpcUrl] = useState(current?.rpcUrl ?? "");
  const [exchange, setExchange] = useState<string>(current?.exchange ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const [isAsking, setAsking] = useState(false);
  const isUrl = /^https?:\/\/\S+$/.test(rpcUrl) && URL.canParse(rpcUrl);

  async function use(event: FormEvent) {
    event.preventDefault();
    setAsking(true);
    setProblem(null);
    try {
      chooseNetwork(await networkOf(rpcUrl, address(exchange)));
    } catch (error) {
      setProblem(
        `${rpcUrl} does not answer (${error instanceof Error ? error.message : String(error)})`,
      );
    } finally {
      setAsking(false);
    }
  }

  return (
    <form onSubmit={(event) => void use(event)} className="grid gap-4">
      <TextField
        label="RPC URL"
        value={rpcUrl}
        onChange={(event) => setRpcUrl(event.target.value.trim())}
        placeholder="https://…"
        error={rpcUrl && !isUrl ? "Not an http(s) address" : null}
        hint="Kept in this browser. Everything on this page is read from here."
      />
      <TextField
        label="Exchange"
        value={exchange}
        onChange={(event) => setExchange(event.target.value.trim())}
        error={exchange && !isAddress(exchange) ? "Not an address" : null}
        spellCheck={false}
      />
      {problem && <Notice tone="down">{problem}</Notice>}
      <div className="flex gap-2">
        <Button
          variant="primary"
          type="submit"
          disabled={!isUrl || !isAddress(exchange) || isAsking}
        >
          {isAsking ? "Asking…" : "Use it"}
        </Button>
        {hasChosenNetwork() && (
          <Button onClick={() => chooseNetwork(null)}>Back to this page’s own</Button>
        )}
      </div>
    </form>
  );
}
