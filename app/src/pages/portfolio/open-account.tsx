import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { getMarginAccountSize } from "@/client";
import { formatDecimal } from "@/format/decimal";
import { assetName } from "@/format/names";
import { useNetwork } from "@/network";
import { Faucet } from "@/shell/localnet-tools";
import { useAccounts } from "@/state/accounts";
import { attempt } from "@/state/attempt";
import { useLive, useRisk, useVenue } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { Button } from "@/ui/button";
import { Card } from "@/ui/card";
import { AmountField, NO_AMOUNT, SelectField, type Amount } from "@/ui/field";
import { SOL_DECIMALS, useWalletBalances } from "./funds/wallet-balances";
import { Refusals } from "./projection";

/** For a wallet that has no account yet. */
export function OpenAccount() {
  const { faucet } = useNetwork();
  return (
    <div className="mx-auto grid max-w-md gap-4 py-6">
      {faucet && (
        <Card title="This is a local test cluster">
          <Faucet url={faucet} />
        </Card>
      )}
      <Card title="Open an account">
        <OpenAccountForm />
      </Card>
    </div>
  );
}

/** Opens the next sub-account, with a first deposit if one is wanted. */
export function OpenAccountForm({ onDone }: { onDone?: () => void }) {
  const venue = useVenue();
  const { next, select } = useAccounts();
  const { send, isBusy, obstacle } = useTransact();
  const wallet = useWalletBalances();
  const rent = useRent();
  const [asset, setAsset] = useState(0);
  const [amount, setAmount] = useState<Amount>(NO_AMOUNT);
  const name = assetName(venue, asset);
  const decimals = venue.assets[asset]?.decimals ?? 0;
  const value = amount.value !== null && amount.value > 0n ? amount.value : null;
  const inWallet = wallet.data?.tokens.get(asset) ?? null;

  const tried = useRisk(
    (risk) =>
      value === null
        ? null
        : attempt(() => risk.whatIf(null, [{ kind: "deposit", asset, amount: value }])),
    [asset, value],
  );
  const refusals = tried?.value?.refusals ?? [];
  const room = useRisk(
    (risk) => attempt(() => risk.largest(null, { kind: "deposit", asset, amount: 0n }).size).value,
    [asset],
  );
  const error =
    amount.value !== null && amount.value < 0n
      ? "More than zero, please"
      : value !== null && inWallet !== null && value > inWallet
        ? `Your wallet has ${formatDecimal(inWallet, decimals)} ${name}`
        : (tried?.problem ?? null);
  const isBlocked =
    obstacle !== null ||
    !next ||
    error !== null ||
    amount.error !== null ||
    refusals.length > 0 ||
    isBusy;

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!next || isBlocked) return;
    const title =
      value === null ? "Open an account" : `Open an account with ${amount.text} ${name}`;
    const isDone = await send(
      title,
      async (actions) => [
        actions.openAccount(next.address, next.subAccount),
        ...(value === null ? [] : await actions.deposit(next.address, asset, value)),
      ],
      [next.address],
    );
    if (!isDone) return;
    select(next.address);
    onDone?.();
  }

  return (
    <form className="grid gap-4" onSubmit={(event) => void submit(event)}>
      <p className="text-sm text-soft">
        {next ? `Sub-account ${next.subAccount} of your wallet. ` : ""}
        Everything in one account is margined together; what is in another one is apart.
      </p>
      <SelectField
        label="First deposit"
        value={asset}
        aside={inWallet !== null && `Wallet: ${formatDecimal(inWallet, decimals)} ${name}`}
        onChange={(event) => {
          setAsset(Number(event.target.value));
          setAmount(NO_AMOUNT);
        }}
      >
        {venue.assets.map(({ index }) => (
          <option key={index} value={index}>
            {assetName(venue, index)}
          </option>
        ))}
      </SelectField>
      <AmountField
        label="Amount"
        unit={name}
        amount={amount}
        decimals={decimals}
        max={inWallet === null || room === null ? null : inWallet < room ? inWallet : room}
        error={error}
        hint="May be left out: you can deposit later."
        onAmount={setAmount}
      />
      <Refusals refusals={refusals} />
      <Button type="submit" variant="primary" size="lg" disabled={isBlocked}>
        {isBusy ? "On its way…" : value === null ? "Open account" : "Open and deposit"}
      </Button>
      {obstacle && <p className="text-center text-xs text-soft">{obstacle}</p>}
      {rent.data !== undefined && (
        <p className="text-center text-xs text-soft">
          {formatDecimal(rent.data, SOL_DECIMALS, { max: 4 })} SOL are kept as rent and come back
          when the account is closed.
        </p>
      )}
    </form>
  );
}

/** Lamports that a margin account holds as rent. */
function useRent() {
  const { mirror } = useLive();
  return useQuery({
    queryKey: ["rent", mirror.network.rpcUrl],
    queryFn: () =>
      mirror.rpc.getMinimumBalanceForRentExemption(BigInt(getMarginAccountSize())).send(),
    staleTime: Infinity,
  });
}
