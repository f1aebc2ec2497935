/** Numbers of a scene as they are typed and as they are slid. */
import { useState, type ComponentProps } from "react";
import { AmountField, amountFrom, NO_AMOUNT, type Amount } from "@/ui/field";

const shown = (value: bigint, decimals: number): Amount =>
  value === 0n ? NO_AMOUNT : amountFrom(value, decimals);

interface Props extends Omit<ComponentProps<typeof AmountField>, "amount" | "onAmount"> {
  /** What the scene has; 0 while there is nothing, or nothing that can be used. */
  value: bigint;
  onValue: (value: bigint) => void;
  /** Why a value cannot be used. */
  check?: (value: bigint) => string | null;
}

/** An amount of a scene: keeps the text as typed as long as it says what the scene has. */
export function ValueField({ value, onValue, check, decimals, ...field }: Props) {
  const [typed, setTyped] = useState(() => shown(value, decimals));
  const amount = (typed.value ?? 0n) === value ? typed : shown(value, decimals);
  const take = (next: Amount) => {
    const error = next.value === null ? null : (check?.(next.value) ?? null);
    const checked = error === null ? next : { ...next, value: null, error };
    setTyped(checked);
    onValue(checked.value ?? 0n);
  };
  return <AmountField {...field} {...{ amount, decimals }} onAmount={take} />;
}

interface SliderProps {
  label: string;
  value: number;
  low: number;
  high: number;
  step: number;
  /** The value in words. */
  text: string;
  onValue: (value: number) => void;
}

export function Slider({ label, value, low, high, step, text, onValue }: SliderProps) {
  return (
    <input
      type="range"
      aria-label={label}
      aria-valuetext={text}
      min={low}
      max={high}
      step={step}
      value={value}
      onChange={(event) => onValue(Number(event.target.value))}
      className="h-6 w-full min-w-0 accent-accent"
    />
  );
}
