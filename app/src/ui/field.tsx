import { useId, type ComponentProps, type ReactNode } from "react";
import { DecimalError, editDecimal, parseDecimal } from "@/format/decimal";
import { classes } from "./classes";

const INPUT =
  "h-9 w-full min-w-0 rounded-md border bg-surface px-2.5 text-sm placeholder:text-soft disabled:opacity-60 aria-invalid:border-down";

interface FieldProps {
  label: ReactNode;
  /** What is wrong with what was typed. */
  error?: string | null | undefined;
  hint?: ReactNode;
  /** Stands opposite to the label: a balance, for instance. */
  aside?: ReactNode;
  className?: string | undefined;
  children: (ids: {
    id: string;
    "aria-describedby"?: string;
    "aria-invalid"?: boolean;
  }) => ReactNode;
}

/** A labelled control with hint and error, told to screen readers. */
export function Field({ label, error, hint, aside, className, children }: FieldProps) {
  const id = useId();
  const says = error ?? hint;
  return (
    <div className={classes("grid gap-1", className)}>
      <div className="flex items-baseline justify-between gap-2">
        <label htmlFor={id} className="text-xs font-medium text-soft">
          {label}
        </label>
        {aside && <span className="text-xs text-soft">{aside}</span>}
      </div>
      {children({
        id,
        ...(says ? { "aria-describedby": `${id}-says` } : {}),
        ...(error ? { "aria-invalid": true } : {}),
      })}
      {says && (
        <p id={`${id}-says`} className={classes("text-xs", error ? "text-down" : "text-soft")}>
          {says}
        </p>
      )}
    </div>
  );
}

/** A line of text. */
export function TextField({
  label,
  error,
  hint,
  aside,
  className,
  ...props
}: Omit<FieldProps, "children"> & Omit<ComponentProps<"input">, "id">) {
  return (
    <Field {...{ label, error, hint, aside, className }}>
      {(ids) => <input {...ids} {...props} className={INPUT} />}
    </Field>
  );
}

/** One of a few. */
export function SelectField({
  label,
  error,
  hint,
  aside,
  className,
  children,
  ...props
}: Omit<FieldProps, "children"> & Omit<ComponentProps<"select">, "id">) {
  return (
    <Field {...{ label, error, hint, aside, className }}>
      {(ids) => (
        <select {...ids} {...props} className={classes(INPUT, "pr-8")}>
          {children}
        </select>
      )}
    </Field>
  );
}

/** An amount as it was typed: the text stays as it is, the value is exact or there is none. */
export interface Amount {
  text: string;
  value: bigint | null;
  error: string | null;
}

export const NO_AMOUNT: Amount = { text: "", value: null, error: null };

/** Reads a text; an empty one is no amount and no error. */
export function amountOf(text: string, decimals: number): Amount {
  if (text.trim() === "") return { text, value: null, error: null };
  try {
    return { text, value: parseDecimal(text, decimals), error: null };
  } catch (error) {
    if (!(error instanceof DecimalError)) throw error;
    return { text, value: null, error: error.message };
  }
}

/** The amount of a number of units. */
export function amountFrom(value: bigint, decimals: number): Amount {
  return { text: editDecimal(value, decimals), value, error: null };
}

interface AmountFieldProps extends Omit<FieldProps, "children"> {
  amount: Amount;
  decimals: number;
  onAmount: (amount: Amount) => void;
  /** What it is an amount of: `USDC`. */
  unit?: string;
  /** The most there can be; a button takes it. */
  max?: bigint | null;
  disabled?: boolean;
  placeholder?: string;
}

/** A field for an amount with its unit and a Max button. */
export function AmountField({
  amount,
  decimals,
  onAmount,
  unit,
  max,
  disabled,
  placeholder = "0",
  ...field
}: AmountFieldProps) {
  return (
    <Field {...field} error={field.error ?? amount.error}>
      {(ids) => (
        <div className="relative">
          <input
            {...ids}
            inputMode="decimal"
            autoComplete="off"
            spellCheck={false}
            disabled={disabled}
            placeholder={placeholder}
            value={amount.text}
            onChange={(event) => onAmount(amountOf(event.target.value, decimals))}
            className={classes(INPUT, "h-10 text-base", max !== undefined ? "pr-28" : "pr-16")}
          />
          <span className="absolute inset-y-0 right-2 flex items-center gap-2 text-xs text-soft">
            {unit}
            {max !== undefined && (
              <button
                type="button"
                disabled={disabled || max === null}
                onClick={() => max !== null && onAmount(amountFrom(max, decimals))}
                className="rounded bg-raised px-1.5 py-1 font-medium text-ink disabled:opacity-50"
              >
                Max
              </button>
            )}
          </span>
        </div>
      )}
    </Field>
  );
}

/** Yes or no. */
export function CheckField({
  label,
  hint,
  ...props
}: { label: ReactNode; hint?: ReactNode } & Omit<ComponentProps<"input">, "id" | "type">) {
  const id = useId();
  return (
    <div className="flex items-start gap-2 text-sm">
      <input id={id} type="checkbox" className="mt-0.5 size-4 accent-accent" {...props} />
      <label htmlFor={id}>
        {label}
        {hint && <span className="block text-xs text-soft">{hint}</span>}
      </label>
    </div>
  );
}

/** One of two or three, side by side. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
  className,
}: {
  label: string;
  value: T;
  options: readonly { value: T; text: ReactNode; tone?: "buy" | "sell" }[];
  onChange: (value: T) => void;
  className?: string;
}) {
  const name = useId();
  return (
    <fieldset className={classes("flex rounded-md border bg-raised p-0.5", className)}>
      <legend className="sr-only">{label}</legend>
      {options.map((option) => (
        <label
          key={option.value}
          className={classes(
            "flex flex-1 cursor-pointer items-center justify-center rounded px-2 py-1 text-sm font-medium whitespace-nowrap has-focus-visible:outline-2 has-focus-visible:outline-accent",
            option.value === value
              ? {
                  buy: "bg-up text-surface",
                  sell: "bg-down text-surface",
                  none: "bg-surface text-ink shadow-sm",
                }[option.tone ?? "none"]
              : "text-soft hover:text-ink",
          )}
        >
          <input
            type="radio"
            name={name}
            value={option.value}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
            className="sr-only"
          />
          {option.text}
        </label>
      ))}
    </fieldset>
  );
}
