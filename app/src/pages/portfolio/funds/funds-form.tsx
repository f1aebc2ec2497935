import type { Address } from "@solana/kit";
import { useMemo, useState, type FormEvent } from "react";
import { formatDecimal } from "@/format/decimal";
import { percent } from "@/format/format";
import { assetName } from "@/format/names";
import { useAccounts } from "@/state/accounts";
import { attempt } from "@/state/attempt";
import { useLive, useNow, useRisk, useVenue } from "@/state/live";
import { useTransact } from "@/transactions/transact";
import { engineWords } from "@/transactions/words";
import { Button } from "@/ui/button";
import { AmountField, NO_AMOUNT, SelectField, type Amount } from "@/ui/field";
import { Notice } from "@/ui/feedback";
import { Projection } from "../projection";
import { ratioText } from "../health";
import {
  MODE_WORDS,
  MOVEMENT_WORDS,
  changeOf,
  isRefusalOf,
  leaves,
  repayable,
  repayMax,
  sentAmount,
  type Movement,
} from "./movement";
import { SOL_DECIMALS, useWalletBalances } from "./wallet-balances";

/** Milliseconds after which a largest amount is worked out anew although nothing has been touched. */
const CALM_MS = 5_000;

/** The amount of one movement, with what it does to the account. */
export function FundsForm({
  account,
  movement,
  asset: first,
  onDone,
}: {
  account: Address;
  movement: Movement;
  asset: number;
  onDone: () => void;
}) {
  const venue = useVenue();
  const { role } = useAccounts();
  const { mirror } = useLive();
  const { send, isBusy, obstacle } = useTransact();
  const wallet = useWalletBalances();
  const [asset, setAsset] = useState(first);
  const [amount, setAmount] = useState<Amount>(NO_AMOUNT);
  const [target, setTarget] = useTarget(account);

  const figures = venue.assets[asset];
  const name = assetName(venue, asset);
  const decimals = figures?.decimals ?? 0;
  const write = (value: bigint) => `${formatDecimal(value, decimals)} ${name}`;

  const value = amount.value !== null && amount.value > 0n ? amount.value : null;
  const before = useRisk((risk) => risk.assess(account), [account]);
  const tried = useRisk(
    (risk) =>
      value === null
        ? null
        : attempt(() => risk.whatIf(account, [changeOf(movement, asset, value)])),
    [account, movement, asset, value],
  );
  const answer = tried?.value ?? null;
  const receiver = useRisk(
    (risk) =>
      target && value !== null
        ? attempt(() => risk.whatIf(target.address, [{ kind: "deposit", asset, amount: value }]))
            .value
        : null,
    [target?.address, asset, value],
  );
  const largest = useLargest(account, movement, asset);
  const held = before.balances.find((balance) => balance.asset === asset)?.amount ?? 0n;
  const inWallet = wallet.data?.tokens.get(asset) ?? null;
  const owed = held < 0n && figures ? repayable(-held, figures, mirror.now()) : 0n;
  const allowed = largest?.size ?? null;
  const most = movement === "repay" ? repayMax(owed, allowed) : allowed;
  const max =
    most === null || leaves(movement)
      ? most
      : inWallet === null
        ? null
        : most < inWallet
          ? most
          : inWallet;

  const refusals =
    answer?.refusals.filter(({ failure }) => isRefusalOf(movement, failure.name)) ?? [];
  const fee = answer?.fees[0]?.amount ?? 0n;
  const isMissing = !leaves(movement) && value !== null && inWallet !== null && value > inWallet;
  const error =
    amount.value !== null && amount.value <= 0n
      ? "More than zero, please"
      : isMissing
        ? `Your wallet has ${write(inWallet ?? 0n)}`
        : (tried?.problem ?? null);
  const reason =
    obstacle ??
    (leaves(movement) && role !== "owner"
      ? "Only the owner of the account can take money out of it."
      : role === "viewer"
        ? "This account is not yours: you can only look."
        : movement === "transfer" && !target
          ? "Open another sub-account first."
          : value === null
            ? "Enter an amount."
            : error !== null
              ? "Correct what is marked above."
              : null);
  const choices = venue.assets.filter(({ index }) => {
    const amount = before.balances.find((balance) => balance.asset === index)?.amount ?? 0n;
    if (movement === "repay") return amount < 0n || index === asset;
    if (movement === "withdraw" || movement === "transfer") return amount > 0n || index === asset;
    return true;
  });

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (value === null || reason !== null || refusals.length > 0) return;
    const sent = sentAmount(movement, value, held);
    const title = `${MOVEMENT_WORDS[movement]} ${amount.text} ${name}`;
    const isDone = await send(
      title,
      (actions) => {
        if (movement === "transfer" && target)
          return [actions.transfer(account, target.address, asset, sent)];
        return leaves(movement)
          ? actions.withdraw(account, asset, sent, movement === "borrow")
          : actions.deposit(account, asset, sent);
      },
      target && movement === "transfer" ? [account, target.address] : [account],
    );
    if (isDone) onDone();
  }

  return (
    <form className="grid gap-4" onSubmit={(event) => void submit(event)}>
      <SelectField
        label="Asset"
        value={asset}
        aside={<Aside {...{ movement, held, inWallet, write, isLoading: wallet.isLoading }} />}
        hint={figures && MODE_WORDS[figures.mode]}
        onChange={(event) => {
          setAsset(Number(event.target.value));
          setAmount(NO_AMOUNT);
        }}
      >
        {choices.map(({ index }) => (
          <option key={index} value={index}>
            {assetName(venue, index)}
          </option>
        ))}
      </SelectField>
      {movement === "transfer" && (
        <SelectField
          label="To"
          value={target?.address ?? ""}
          hint={target ? undefined : "You have no other sub-account yet."}
          onChange={(event) => setTarget(event.target.value)}
        >
          <TargetOptions account={account} />
        </SelectField>
      )}
      <AmountField
        label="Amount"
        unit={name}
        amount={amount}
        decimals={decimals}
        max={max}
        error={error}
        hint={<AmountHint {...{ movement, held, value, owed, allowed, write }} />}
        onAmount={setAmount}
      />
      {wallet.isError && (
        <Notice tone="warn">Your wallet's balances cannot be read at the moment.</Notice>
      )}
      {figures && movement === "borrow" && (
        <p className="text-xs text-soft">
          Loans pay {percent(figures.borrowRateQ32)} a year now, and a fee of{" "}
          {percent(figures.originationFeeQ32)} when they are taken
          {fee > 0n && `: ${write(fee)} for this one`}.
        </p>
      )}
      {figures && movement === "deposit" && (
        <p className="text-xs text-soft">
          Deposits earn {percent(figures.depositRateQ32)} a year now.{" "}
          {percent(figures.depositHaircutInitialQ32)} of their value does not count as initial
          margin.
        </p>
      )}
      <Projection
        before={before.totals}
        after={answer?.after.totals ?? null}
        refusals={refusals}
        rows={
          receiver && movement === "transfer" && target
            ? [
                {
                  name: `Ratio of account ${target.subAccount}`,
                  before: ratioText(receiver.before.totals),
                  after: ratioText(receiver.after.totals),
                },
              ]
            : []
        }
      />
      <div className="grid gap-1.5">
        <Button
          type="submit"
          variant="primary"
          size="lg"
          disabled={reason !== null || refusals.length > 0 || isBusy}
        >
          {isBusy ? "On its way…" : MOVEMENT_WORDS[movement]}
        </Button>
        {reason && <p className="text-center text-xs text-soft">{reason}</p>}
        {wallet.data && (
          <p className="text-center text-xs text-soft">
            {wallet.data.lamports === 0n
              ? "Your wallet has no SOL: transaction fees are paid in it."
              : `${formatDecimal(wallet.data.lamports, SOL_DECIMALS, { max: 4 })} SOL for transaction fees.`}
          </p>
        )}
      </div>
      {(movement !== "repay" || held < 0n) &&
        value === null &&
        allowed === 0n &&
        largest?.limit && (
          <p className="text-xs text-soft">
            Nothing can be moved now: {engineWords(largest.limit.name, largest.limit.message).what}
          </p>
        )}
    </form>
  );
}

/** The largest amount that the program allows, worked out when the account changes and every few seconds; nothing when the engine cannot tell. */
function useLargest(account: Address, movement: Movement, asset: number) {
  const { risk, mirror } = useLive();
  const now = useNow(CALM_MS);
  const bytes = mirror.accounts.get(account);
  return useMemo(
    () => attempt(() => risk.largest(account, changeOf(movement, asset, 0n))).value,
    // eslint-disable-next-line react-hooks/exhaustive-deps -- the engine reads the account's bytes at this time
    [risk, account, movement, asset, bytes, now],
  );
}

/** The account that a transfer goes to: another one of the same owner. */
function useTarget(account: Address) {
  const { own } = useAccounts();
  const [chosen, choose] = useState<string | null>(null);
  const others = own.filter(({ address, role }) => role === "owner" && address !== account);
  const target = others.find(({ address }) => address === chosen) ?? others[0] ?? null;
  return [target, choose] as const;
}

function TargetOptions({ account }: { account: Address }) {
  const { own } = useAccounts();
  return own
    .filter(({ address, role }) => role === "owner" && address !== account)
    .map(({ address, subAccount }) => (
      <option key={address} value={address}>
        Account {subAccount}
      </option>
    ));
}

function Aside({
  movement,
  held,
  inWallet,
  write,
  isLoading,
}: {
  movement: Movement;
  held: bigint;
  inWallet: bigint | null;
  write: (value: bigint) => string;
  isLoading: boolean;
}) {
  if (!leaves(movement)) {
    if (isLoading) return "Reading your wallet…";
    return inWallet === null ? null : `Wallet: ${write(inWallet)}`;
  }
  return held < 0n ? `Owed: ${write(-held)}` : `Deposited: ${write(held)}`;
}

function AmountHint({
  movement,
  held,
  value,
  owed,
  allowed,
  write,
}: {
  movement: Movement;
  held: bigint;
  value: bigint | null;
  owed: bigint;
  allowed: bigint | null;
  write: (value: bigint) => string;
}) {
  if (movement === "repay" && held < 0n && allowed !== null && allowed < owed)
    return `Owed: ${write(-held)}. No more than ${write(allowed)} is taken now, since nothing of it may be deposited here: a little interest may stay owed.`;
  if (movement === "repay")
    return held < 0n
      ? `Owed: ${write(-held)}. Max is a little more (${write(owed)} at most), for the interest until it arrives; what is left over stays as a deposit.`
      : "Nothing is owed.";
  if (movement === "deposit" && held < 0n) return `${write(-held)} are owed and repaid first.`;
  if (movement === "borrow" && held > 0n) {
    const taken = value !== null && value > held ? `, ${write(value - held)} are borrowed` : "";
    return `The deposit of ${write(held)} is paid out first${taken}.`;
  }
  if ((movement === "withdraw" || movement === "transfer") && value !== null && value === held)
    return "The whole deposit, with the interest that comes until then.";
  return null;
}
