/** What is around every page. */
import { Link, Outlet, useNavigate, useSearch } from "@tanstack/react-router";
import {
  ChartCandlestick,
  FlaskConical,
  History,
  Layers,
  PieChart,
  Settings2,
  Activity,
} from "lucide-react";
import { useCallback, useState, type ReactNode } from "react";
import { Toaster } from "sonner";
import { LocalnetTools } from "./localnet-tools";
import { AccountSwitcher } from "./account-switcher";
import { NetworkForm } from "./network-form";
import { ThemeButton } from "./theme-button";
import { WalletButton } from "./wallet-button";
import { span, time } from "@/format/format";
import { useNetwork } from "@/network";
import { AccountsProvider, useAccounts } from "@/state/accounts";
import { LiveProvider, useNow, useStatus, useVenue } from "@/state/live";
import { Button } from "@/ui/button";
import { Dialog } from "@/ui/dialog";
import { Badge, Loading, Notice } from "@/ui/feedback";
import { useWallet } from "@/wallet/context";

const PAGES = [
  { to: "/", name: "Portfolio", icon: PieChart },
  { to: "/trade", name: "Trade", icon: ChartCandlestick },
  { to: "/options", name: "Options", icon: Layers },
  { to: "/simulator", name: "Simulator", icon: FlaskConical },
  { to: "/history", name: "History", icon: History },
  { to: "/status", name: "Status", icon: Activity },
] as const;

export function Shell() {
  const { account } = useSearch({ from: "__root__" });
  const navigate = useNavigate();
  const view = useCallback(
    (chosen: string | null) => {
      void navigate({
        to: ".",
        search: (before: object) => ({ ...before, account: chosen ?? undefined }),
        replace: true,
      });
    },
    [navigate],
  );
  return (
    <LiveProvider
      loading={(status, error) => (
        <Frame>
          {error !== null ? (
            <Notice tone="down" title="The margin engine could not be started">
              {error}. Reload the page; it needs a browser with WebAssembly.
            </Notice>
          ) : status.state === "absent" ? (
            <Notice tone="down" title="There is no exchange here">
              {status.reason}. Choose another network.
            </Notice>
          ) : status.state === "lost" ? (
            <Notice tone="down" title="The cluster does not answer">
              {status.reason}. This page tries again every two seconds.
            </Notice>
          ) : (
            <Loading rows={6} label="Reading the exchange" />
          )}
        </Frame>
      )}
    >
      <AccountsProvider viewed={account} onView={view}>
        <Frame switcher={<AccountSwitcher />} tools={<LocalnetTools />}>
          <Warnings />
          <Outlet />
        </Frame>
      </AccountsProvider>
    </LiveProvider>
  );
}

function Frame({
  switcher,
  tools,
  children,
}: {
  switcher?: ReactNode;
  tools?: ReactNode;
  children: ReactNode;
}) {
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="sr-only focus:not-sr-only focus:absolute focus:z-50 focus:m-2 focus:rounded focus:bg-accent focus:px-3 focus:py-2 focus:text-on-accent"
      >
        Skip to the content
      </a>
      <header className="sticky top-0 z-30 border-b bg-surface">
        <div className="mx-auto flex max-w-400 items-center gap-2 px-3 py-2 sm:px-4">
          <Link to="/" className="mr-2 flex items-center gap-2 font-semibold">
            <img src="/icon.svg" alt="" className="size-6" />
            <span className="max-lg:sr-only">Ballast</span>
          </Link>
          <nav aria-label="Pages" className="hidden gap-1 md:flex">
            {PAGES.map(({ to, name }) => (
              <Link
                key={to}
                to={to}
                activeOptions={{ exact: to === "/" }}
                className="rounded-md px-2.5 py-1.5 text-sm font-medium text-soft hover:bg-raised hover:text-ink aria-[current=page]:bg-raised aria-[current=page]:text-ink"
              >
                {name}
              </Link>
            ))}
          </nav>
          <div className="ml-auto flex min-w-0 items-center gap-1.5">
            {tools}
            {switcher}
            <NetworkButton />
            <ThemeButton />
            <WalletButton />
          </div>
        </div>
      </header>
      <main
        id="content"
        className="mx-auto w-full max-w-400 flex-1 space-y-4 p-3 pb-20 sm:p-4 md:pb-6"
      >
        {children}
      </main>
      <nav
        aria-label="Pages on a phone"
        className="fixed inset-x-0 bottom-0 z-30 grid grid-cols-6 border-t bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
      >
        {PAGES.map(({ to, name, icon: Icon }) => (
          <Link
            key={to}
            to={to}
            activeOptions={{ exact: to === "/" }}
            className="grid justify-items-center gap-0.5 py-1.5 text-[11px] text-soft aria-[current=page]:text-accent"
          >
            <Icon aria-hidden className="size-5" />
            {name}
          </Link>
        ))}
      </nav>
      <Toaster position="bottom-right" visibleToasts={4} mobileOffset={{ bottom: 64 }} />
    </div>
  );
}

function NetworkButton() {
  const network = useNetwork();
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <Button
        variant="ghost"
        onClick={() => setOpen(true)}
        aria-label={`Network: ${network.name}`}
        className="px-2"
      >
        <Settings2 aria-hidden className="size-4" />
        <span className="max-lg:sr-only">{network.name}</span>
      </Button>
      <Dialog open={isOpen} onOpenChange={setOpen} title="Network">
        <NetworkForm current={network} />
      </Dialog>
    </>
  );
}

/** What everybody should know before he trades. */
function Warnings() {
  const status = useStatus();
  const network = useNetwork();
  const { connected } = useWallet();
  const { selected, role, own } = useAccounts();
  const venue = useVenue();
  const now = useNow();
  const stale = venue.feeds.filter(({ validity }) => validity === "stale" || validity === "never");
  const deposits = venue.paused.includes("deposit") ? "" : "deposits, repayments and ";
  return (
    <>
      {status.state === "lost" && (
        <Notice tone="down" title="Disconnected">
          Nothing has been read for {span(now - status.since)} ({status.reason}). What you see is
          old; this page tries again every two seconds.
        </Notice>
      )}
      {network.frozenAt !== undefined && (
        <Notice>Time stands still here: these are the accounts of {time(network.frozenAt)}.</Notice>
      )}
      {connected && !connected.isOnNetwork && (
        <Notice tone="down" title="Wrong network">
          {connected.wallet.name} cannot sign for {network.name}. Switch it to {network.name}, or
          choose another network here.
        </Notice>
      )}
      {stale.length > 0 && (
        <Notice tone="warn" title={`Stale price: ${stale.map(({ name }) => name).join(", ")}`}>
          {stale
            .map(({ name, publishTime }) =>
              publishTime === null
                ? `${name} has never had a price`
                : `${name} is ${span(now - publishTime)} old`,
            )
            .join("; ")}
          . Nothing can be added that depends on it; {deposits}reductions go on.
        </Notice>
      )}
      {venue.paused.length > 0 && (
        <Notice tone="warn" title="Paused">
          {venue.paused.join(", ")}
          {venue.pauseEndsAt !== null && `, for at most ${span(venue.pauseEndsAt - now)}`}.{" "}
          {venue.paused.includes("deposit")
            ? "Orders can still be cancelled; deposits and repayments wait."
            : "Deposits and repayments go on, and orders can be cancelled."}
        </Notice>
      )}
      {selected && role === "viewer" && own.length > 0 && (
        <p>
          <Badge>Looking at an account that is not yours</Badge>
        </p>
      )}
    </>
  );
}
