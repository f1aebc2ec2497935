/** What would become of an account: trades, transfers, moves of markets and time that one can think of. */
import { Link2, RotateCcw } from "lucide-react";
import { useDeferredValue, useState } from "react";
import { toast } from "sonner";
import type { Venue, WhatIfAnswer } from "@/engine/types";
import { short } from "@/format/format";
import { useAccounts } from "@/state/accounts";
import { attempt } from "@/state/attempt";
import { useLive, useRisk, useVenue, useVersion } from "@/state/live";
import type { AccountKey } from "@/state/risk";
import { Button } from "@/ui/button";
import { Badge, Notice } from "@/ui/feedback";
import { Choice } from "@/ui/field";
import { CurveCard } from "./curve-card";
import { GreeksCard } from "./greeks-card";
import { GridCard } from "./grid-card";
import { LegsCard } from "./legs-card";
import { MarginCard } from "./margin-card";
import { MovesCard } from "./moves-card";
import { PositionsCard } from "./positions-card";
import { applyPreset, PRESETS } from "./presets";
import { ScenariosCard } from "./scenarios-card";
import { changesOf, encodeScene, FLAT, type Scene } from "./scene";
import { TransfersCard } from "./transfers-card";
import { useScene } from "./use-scene";

export function SimulatorPage() {
  const venue = useVenue();
  const { mirror } = useLive();
  useVersion("accounts");
  const { selected } = useAccounts();
  const account = selected && mirror.accounts.has(selected) ? selected : null;
  const { scene, problem, generation, update, replace } = useScene(venue);
  const simulated = useRisk(
    (risk) => attempt(() => risk.whatIf(account, changesOf(scene))),
    [account, scene],
  );
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <h1 className="mr-2 text-lg font-semibold">Simulator</h1>
        {account ? <Badge>Account {short(account)}</Badge> : <Badge>An empty account</Badge>}
        <span className="ml-auto flex gap-2">
          <CopyLink scene={scene} account={account} />
          <Button onClick={() => replace(() => FLAT)}>
            <RotateCcw aria-hidden className="size-4" />
            Reset
          </Button>
        </span>
      </div>
      {problem !== null && (
        <Notice tone="warn" title="This link cannot be restored">
          Its scene is not valid: {problem}. Nothing is changed about the account below.
        </Notice>
      )}
      <div role="group" aria-label="Presets" className="flex flex-wrap gap-2">
        {PRESETS.map((preset) => (
          <Button
            key={preset.name}
            size="sm"
            onClick={() => replace((before) => applyPreset(before, preset, venue))}
          >
            {preset.name}
          </Button>
        ))}
      </div>
      <div className="grid items-start gap-4 lg:grid-cols-[22rem_minmax(0,1fr)]">
        <div key={generation} className="grid min-w-0 gap-4">
          <MovesCard {...{ venue, scene, update }} />
          <LegsCard {...{ venue, scene, update }} />
          <TransfersCard {...{ venue, scene, update }} />
        </div>
        <div className="grid min-w-0 gap-4">
          {simulated.problem !== null ? (
            <Notice tone="down" title="This scene cannot be worked out">
              {simulated.problem}
            </Notice>
          ) : (
            <Results {...{ venue, account, scene, answer: simulated.value }} />
          )}
        </div>
      </div>
    </>
  );
}

const REACHES = [
  { value: "2000", text: "±20%" },
  { value: "4000", text: "±40%" },
  { value: "8000", text: "±80%" },
] as const;

function Results({
  venue,
  account,
  scene,
  answer,
}: {
  venue: Venue;
  account: AccountKey;
  scene: Scene;
  answer: WhatIfAnswer;
}) {
  const [chosen, setChosen] = useState<number | null>(null);
  const [reach, setReach] = useState<(typeof REACHES)[number]["value"]>("4000");
  const underlying = chosen ?? answer.after.underlyings[0]?.underlying ?? 0;
  // Hundreds of assessments: they follow when the figures above have been shown.
  const later = useDeferredValue(scene);
  const axis = { venue, account, scene: later, underlying, reach: Number(reach) };
  return (
    <>
      <MarginCard {...{ venue, scene, answer }} />
      <div className="flex flex-wrap gap-2">
        <Choice
          label="Underlying of chart and grid"
          value={String(underlying)}
          options={venue.underlyings.map(({ index, name }) => ({
            value: String(index),
            text: name,
          }))}
          onChange={(value) => setChosen(Number(value))}
        />
        <Choice label="Reach of prices" value={reach} options={REACHES} onChange={setReach} />
      </div>
      <CurveCard {...axis} />
      <GridCard {...axis} />
      <GreeksCard {...{ venue, answer }} />
      <ScenariosCard {...{ venue, answer }} />
      <PositionsCard {...{ venue, answer }} />
    </>
  );
}

/** A link with the scene and the account that it is played on. */
function CopyLink({ scene, account }: { scene: Scene; account: AccountKey }) {
  const copy = async () => {
    const link = new URL(window.location.href);
    const text = encodeScene(scene);
    if (text) link.searchParams.set("scene", text);
    else link.searchParams.delete("scene");
    if (account) link.searchParams.set("account", account);
    try {
      await navigator.clipboard.writeText(link.href);
      toast.success("The link is in your clipboard");
    } catch {
      toast.error("The browser does not let this page copy: take the address from its bar");
    }
  };
  return (
    <Button onClick={() => void copy()}>
      <Link2 aria-hidden className="size-4" />
      Copy link
    </Button>
  );
}
