import { address, isAddress, type Address } from "@solana/kit";
import { useState, type FormEvent } from "react";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { TextField } from "@/ui/field";

/** Sets, replaces or removes the delegate of an account. */
export function DelegateForm({
  account,
  current,
  onDone,
}: {
  account: Address;
  current: string | null;
  onDone: () => void;
}) {
  const [text, setText] = useState("");
  const { send, isBusy, obstacle } = useTransact();
  const typed = text.trim();
  const error =
    typed === "" || isAddress(typed)
      ? typed !== "" && typed === current
        ? "That is the delegate already"
        : null
      : "Not an address";

  async function set(delegate: Address | null) {
    const title = delegate === null ? "Remove the delegate" : "Set a delegate";
    const isDone = await send(title, (actions) => [actions.setDelegate(account, delegate)], [
      account,
    ]);
    if (isDone) onDone();
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    if (error === null && isAddress(typed)) void set(address(typed));
  }

  return (
    <form className="grid gap-4" onSubmit={submit}>
      {current !== null && <p className="text-sm break-all">Now: {current}</p>}
      <TextField
        label="Address of the delegate"
        value={text}
        error={error}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setText(event.target.value)}
      />
      <div className="flex flex-wrap gap-2">
        <Button
          type="submit"
          variant="primary"
          disabled={typed === "" || error !== null || isBusy || obstacle !== null}
        >
          Set delegate
        </Button>
        {current !== null && (
          <Button disabled={isBusy || obstacle !== null} onClick={() => void set(null)}>
            Remove delegate
          </Button>
        )}
      </div>
      {obstacle && <p className="text-xs text-soft">{obstacle}</p>}
    </form>
  );
}
