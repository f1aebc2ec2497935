/** Sends what was built, and tells about it in a toast from the check to the confirmation. */
import type { Address, Instruction } from "@solana/kit";
import { useQueryClient } from "@tanstack/react-query";
import { CheckCircle2, CircleX, ExternalLink, LoaderCircle } from "lucide-react";
import { useCallback, useMemo, useState } from "react";
import { toast } from "sonner";
import { explorerUrl, useNetwork, type Network } from "@/network";
import { feedsOfAccount, useLive } from "@/state/live";
import { useWallet } from "@/wallet/context";
import { signTransaction } from "@/wallet/wallets";
import { Button } from "@/ui/button";
import { Actions } from "./actions";
import type { Planned } from "./fills";
import { prepare } from "./prepare";
import { submit, type Prepared, type Stage } from "./send";

const TEXTS: Record<Stage["stage"], string> = {
  checking: "Checking…",
  signing: "Waiting for your signature…",
  sent: "Sent, waiting for the cluster…",
  confirmed: "Confirmed",
  failed: "Failed",
};

function StageToast({ title, stage, network }: { title: string; stage: Stage; network: Network }) {
  const Icon =
    stage.stage === "confirmed" ? CheckCircle2 : stage.stage === "failed" ? CircleX : LoaderCircle;
  const signature = "signature" in stage ? stage.signature : undefined;
  const isPending = Icon === LoaderCircle;
  return (
    <div
      role={stage.stage === "failed" ? "alert" : "status"}
      data-stage={stage.stage}
      className="flex w-full gap-3 rounded-lg border bg-surface p-3 text-sm text-ink shadow-lg sm:w-90"
    >
      <Icon
        aria-hidden
        className={`mt-0.5 size-4 shrink-0 ${isPending ? "animate-spin text-soft" : stage.stage === "failed" ? "text-down" : "text-up"}`}
      />
      <div className="min-w-0 space-y-1">
        <p className="font-semibold">{title}</p>
        {stage.stage === "failed" ? (
          <>
            <p>{stage.words.what}</p>
            {stage.words.advice && <p className="text-soft">{stage.words.advice}</p>}
            {stage.words.code && <p className="text-xs text-soft">{stage.words.code}</p>}
          </>
        ) : (
          <p className="text-soft">{TEXTS[stage.stage]}</p>
        )}
        {stage.stage === "signing" && (
          <Button size="sm" onClick={stage.stop}>
            Stop waiting
          </Button>
        )}
        {signature && (
          <a
            href={explorerUrl(network, "tx", signature)}
            target="_blank"
            rel="noreferrer"
            className="inline-flex items-center gap-1 text-accent underline"
          >
            Explorer <ExternalLink aria-hidden className="size-3" />
          </a>
        )}
      </div>
    </div>
  );
}

/** Something to send. `passed` are orders of makers that the program would pass over, by their `orderKey`. */
export type Build = (
  actions: Actions,
  passed: ReadonlySet<string>,
) => Promise<Instruction[]> | Instruction[];

interface Transact {
  /**
   * Sends and resolves to whether it was confirmed. `touches` are read again afterwards. While it would trade less than `planned` it is built again, and a
   * package is not sent then.
   */
  send: (
    title: string,
    build: Build,
    touches: readonly Address[],
    planned?: Planned | null,
  ) => Promise<boolean>;
  /** Whether something is on its way. */
  isBusy: boolean;
  /** Why nothing can be sent now; nothing when it can. */
  obstacle: string | null;
}

export function useTransact(): Transact {
  const network = useNetwork();
  const { mirror, risk } = useLive();
  const { connected } = useWallet();
  const queries = useQueryClient();
  const [pending, setPending] = useState(0);
  const obstacle = !connected
    ? "Connect a wallet first."
    : connected.isOnNetwork
      ? null
      : `${connected.wallet.name} is on another network: switch it to ${network.name}.`;

  const send = useCallback<Transact["send"]>(
    async (title, build, touches, planned = null) => {
      const id = crypto.randomUUID();
      const tell = (stage: Stage) =>
        toast.custom(() => <StageToast title={title} stage={stage} network={network} />, {
          id,
          duration:
            stage.stage === "confirmed" ? 6_000 : stage.stage === "failed" ? 20_000 : Infinity,
        });
      if (!connected || obstacle !== null) {
        tell({ stage: "failed", words: { what: obstacle ?? "Connect a wallet first." } });
        return false;
      }
      setPending((count) => count + 1);
      try {
        const actions = new Actions(mirror, connected.address);
        const put = async (passed: ReadonlySet<string>): Promise<Prepared> => {
          const instructions = await build(actions, passed);
          const venue = risk.venue();
          const feeds = (account: Address) => feedsOfAccount(risk, venue, account);
          return { before: await prepare(mirror, venue, feeds, instructions), instructions };
        };
        let prepared: Prepared;
        try {
          tell({ stage: "checking" });
          prepared = await put(new Set());
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          tell({
            stage: "failed",
            words: {
              what: `It could not be prepared (${reason}).`,
              advice: "Nothing was sent. Try again.",
            },
          });
          return false;
        }
        const isConfirmed = await submit({
          mirror,
          payer: connected.address,
          prepared,
          planned,
          again: put,
          sign: (transaction) =>
            signTransaction(connected.wallet, connected.account, transaction, network.chain),
          tell,
        });
        if (isConfirmed) {
          await mirror.read(touches).catch(() => undefined);
          void queries.invalidateQueries();
        }
        return isConfirmed;
      } finally {
        setPending((count) => count - 1);
      }
    },
    [connected, obstacle, mirror, risk, network, queries],
  );
  return useMemo(() => ({ send, isBusy: pending > 0, obstacle }), [send, pending, obstacle]);
}
