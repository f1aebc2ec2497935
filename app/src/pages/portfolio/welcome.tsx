import { Wallet } from "lucide-react";
import { useState } from "react";
import { ConnectDialog } from "@/shell/wallet-button";
import { Button } from "@/ui/button";

/** For somebody who has no wallet connected. */
export function Welcome() {
  const [isOpen, setOpen] = useState(false);
  return (
    <section className="mx-auto grid max-w-prose justify-items-center gap-4 py-12 text-center">
      <img src="/icon.svg" alt="" className="size-14" />
      <h2 className="text-2xl font-semibold">
        One account for spot, perpetuals, futures and options
      </h2>
      <p className="text-soft">
        Ballast margins everything you hold and owe together: what hedges each other needs little
        margin, and every deposit backs every position. All of it is on Solana, and so is the risk
        engine that decides; this page runs the same one.
      </p>
      <Button variant="primary" size="lg" onClick={() => setOpen(true)}>
        <Wallet aria-hidden className="size-5" /> Connect a wallet
      </Button>
      <ConnectDialog open={isOpen} onOpenChange={setOpen} />
    </section>
  );
}
