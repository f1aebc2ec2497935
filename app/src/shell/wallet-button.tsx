import { Copy, LogOut, Wallet } from "lucide-react";
import { DropdownMenu } from "radix-ui";
import { useState } from "react";
import { toast } from "sonner";
import { short } from "@/format/format";
import { explorerUrl, useNetwork } from "@/network";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Empty } from "@/ui/feedback";
import { useWallet } from "@/wallet/context";
import type { SolanaWallet } from "@/wallet/wallets";

const ITEM =
  "flex cursor-pointer items-center gap-2 rounded px-2 py-1.5 text-sm outline-none data-highlighted:bg-raised";

/** Connects a wallet, or shows which one is connected. */
export function WalletButton() {
  const network = useNetwork();
  const { connected, disconnect } = useWallet();
  const [isOpen, setOpen] = useState(false);
  if (!connected) {
    return (
      <>
        <Button variant="primary" onClick={() => setOpen(true)}>
          <Wallet aria-hidden className="size-4" /> Connect
        </Button>
        <ConnectDialog open={isOpen} onOpenChange={setOpen} />
      </>
    );
  }
  return (
    <DropdownMenu.Root>
      <DropdownMenu.Trigger asChild>
        <Button aria-label={`Wallet ${short(connected.address)}`} title={connected.address}>
          <img src={connected.wallet.icon} alt="" className="size-4" />
          {short(connected.address)}
        </Button>
      </DropdownMenu.Trigger>
      <DropdownMenu.Portal>
        <DropdownMenu.Content
          align="end"
          sideOffset={4}
          className="z-50 min-w-48 rounded-lg border bg-surface p-1 shadow-lg"
        >
          <DropdownMenu.Item
            className={ITEM}
            onSelect={() =>
              void navigator.clipboard
                .writeText(connected.address)
                .then(() => toast("Address copied"))
            }
          >
            <Copy aria-hidden className="size-4" /> Copy address
          </DropdownMenu.Item>
          <DropdownMenu.Item className={ITEM} asChild>
            <a
              href={explorerUrl(network, "address", connected.address)}
              target="_blank"
              rel="noreferrer"
            >
              Open in explorer
            </a>
          </DropdownMenu.Item>
          <DropdownMenu.Item className={ITEM} onSelect={() => void disconnect()}>
            <LogOut aria-hidden className="size-4" /> Disconnect
          </DropdownMenu.Item>
        </DropdownMenu.Content>
      </DropdownMenu.Portal>
    </DropdownMenu.Root>
  );
}

/** The wallets that there are. */
export function ConnectDialog({
  open,
  onOpenChange,
}: {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}) {
  const { wallets, connect } = useWallet();
  const [waiting, setWaiting] = useState<string | null>(null);
  async function choose(wallet: SolanaWallet) {
    setWaiting(wallet.name);
    try {
      await connect(wallet);
      onOpenChange(false);
    } catch (error) {
      toast.error(
        `${wallet.name} was not connected: ${error instanceof Error ? error.message : String(error)}`,
      );
    } finally {
      setWaiting(null);
    }
  }
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Connect a wallet"
      description="Nothing is sent by connecting. Every transaction is shown to you before it is signed."
    >
      {wallets.length === 0 ? (
        <Empty title="No wallet found">
          Install a Solana wallet that supports the wallet standard, such as Phantom, Solflare or
          Backpack, and open this page again.
        </Empty>
      ) : (
        <ul className="grid gap-2">
          {wallets.map((wallet) => (
            <li key={wallet.name}>
              <Button
                className="w-full justify-start"
                size="lg"
                disabled={waiting !== null}
                onClick={() => void choose(wallet)}
              >
                <img src={wallet.icon} alt="" className="size-6" />
                {waiting === wallet.name ? "Waiting for the wallet…" : wallet.name}
              </Button>
            </li>
          ))}
        </ul>
      )}
    </Dialog>
  );
}
