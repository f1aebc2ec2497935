/** Deposits, withdrawals and loans that one might make. */
import { Trash2 } from "lucide-react";
import { QUOTE_ASSET } from "@/chain/layout";
import type { Venue } from "@/engine/types";
import { assetName } from "@/format/names";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { SelectField } from "@/ui/field";
import { ValueField } from "./fields";
import { type Scene, type SceneTransfer, type TransferKind } from "./scene";

const KINDS: readonly { value: TransferKind; text: string }[] = [
  { value: "deposit", text: "Deposit or repay" },
  { value: "withdraw", text: "Withdraw" },
  { value: "borrow", text: "Withdraw or borrow" },
];

interface Props {
  venue: Venue;
  scene: Scene;
  update: (change: (scene: Scene) => Scene) => void;
}

export function TransfersCard({ venue, scene, update }: Props) {
  const set = (change: (transfers: readonly SceneTransfer[]) => readonly SceneTransfer[]) =>
    update((before) => ({ ...before, transfers: change(before.transfers) }));
  return (
    <Card title="Deposits and loans">
      <div className="grid gap-4">
        {scene.transfers.map((transfer, index) => (
          <TransferRow
            key={index}
            venue={venue}
            transfer={transfer}
            name={`Transfer ${index + 1}`}
            onTransfer={(next) => set((all) => all.map((old, at) => (at === index ? next : old)))}
            onRemove={() => set((all) => all.filter((_, at) => at !== index))}
          />
        ))}
        <Button
          onClick={() =>
            set((all) => [...all, { asset: QUOTE_ASSET, kind: "deposit", amount: 0n }])
          }
        >
          Add deposit or loan
        </Button>
      </div>
    </Card>
  );
}

function TransferRow({
  venue,
  transfer,
  name,
  onTransfer,
  onRemove,
}: {
  venue: Venue;
  transfer: SceneTransfer;
  name: string;
  onTransfer: (transfer: SceneTransfer) => void;
  onRemove: () => void;
}) {
  const { asset, kind, amount } = transfer;
  return (
    <fieldset className="grid gap-2 border-b pb-4">
      <legend className="sr-only">{name}</legend>
      <div className="grid grid-cols-[minmax(0,1fr)_auto] items-end gap-2">
        <SelectField
          label="What happens"
          value={kind}
          onChange={(event) =>
            onTransfer({
              ...transfer,
              kind: KINDS.find(({ value }) => value === event.target.value)?.value ?? "deposit",
            })
          }
        >
          {KINDS.map(({ value, text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </SelectField>
        <Button variant="ghost" size="icon" aria-label={`Remove ${name}`} onClick={onRemove}>
          <Trash2 aria-hidden className="size-4" />
        </Button>
      </div>
      <div className="grid grid-cols-2 gap-3">
        <SelectField
          label="Asset"
          value={asset}
          onChange={(event) =>
            onTransfer({ ...transfer, asset: Number(event.target.value), amount: 0n })
          }
        >
          {venue.assets.map(({ index }) => (
            <option key={index} value={index}>
              {assetName(venue, index)}
            </option>
          ))}
        </SelectField>
        <ValueField
          key={asset}
          label="Amount"
          unit={assetName(venue, asset)}
          decimals={venue.assets[asset]?.decimals ?? 0}
          value={amount}
          check={(next) => (next < 0n ? "Not below zero" : null)}
          onValue={(next) => onTransfer({ ...transfer, amount: next })}
        />
      </div>
    </fieldset>
  );
}
