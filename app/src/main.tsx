import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { loadNetwork, NetworkProvider, type Network } from "./network";
import { router } from "./routes";
import { NetworkForm } from "./shell/network-form";
import "./styles.css";
import { Loading, Notice } from "./ui/feedback";
import { WalletProvider } from "./wallet/context";

const queries = new QueryClient({
  defaultOptions: { queries: { staleTime: 10_000, retry: 1, refetchOnWindowFocus: false } },
});

/** Finds out which network to talk to, and asks when nobody says. */
function App() {
  const [network, setNetwork] = useState<Network | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    loadNetwork().then(
      async (loaded) => {
        // Where test tokens are given out on this machine, a wallet for trying things out is offered too.
        if (loaded.faucet && loaded.chain === "solana:localnet") {
          const { registerThrowaway } = await import("./wallet/throwaway");
          registerThrowaway(loaded.chain);
        }
        setNetwork(loaded);
      },
      (error: unknown) => setProblem(error instanceof Error ? error.message : String(error)),
    );
  }, []);
  if (problem !== null) {
    return (
      <main className="mx-auto grid max-w-md gap-4 p-6">
        <h1 className="text-xl font-semibold">Which exchange?</h1>
        <Notice>{problem}: say which cluster and which exchange this page shall use.</Notice>
        <NetworkForm />
      </main>
    );
  }
  if (!network) return <Loading label="Looking for the network" />;
  return (
    <NetworkProvider value={network}>
      <WalletProvider>
        <RouterProvider router={router} />
      </WalletProvider>
    </NetworkProvider>
  );
}

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <App />
      </QueryClientProvider>
    </StrictMode>,
  );
}
