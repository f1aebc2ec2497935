import { Droplets } from "lucide-react";
import { useState } from "react";
import { toast } from "sonner";
import { useQueryClient } from "@tanstack/react-query";
import { useNetwork } from "@/network";
import { Button } from "@/ui/button";
import { useWallet } from "@/wallet/context";

/** On a local cluster: SOL for fees and some of every test token. */
export function Faucet() {
  const { faucet } = useNetwork();
  const { connected } = useWallet();
  const queries = useQueryClient();
  const [isWaiting, setWaiting] = useState(false);
  if (!faucet || !connected) return null;
  async function ask(url: string, address: string) {
    setWaiting(true);
    try {
      const response = await fetch(url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ address }),
      });
      if (!response.ok) throw new Error(await response.text());
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
    <Button
      variant="ghost"
      disabled={isWaiting}
      onClick={() => void ask(faucet, connected.address)}
      className="px-2"
    >
      <Droplets aria-hidden className="size-4" />
      <span className="max-lg:sr-only">{isWaiting ? "Asking…" : "Get test tokens"}</span>
    </Button>
  );
}
