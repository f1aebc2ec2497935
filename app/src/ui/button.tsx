import { cva, type VariantProps } from "class-variance-authority";
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { classes } from "./classes";

const look = cva(
  "inline-flex items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors disabled:opacity-55",
  {
    variants: {
      variant: {
        primary: "bg-accent text-on-accent hover:opacity-90",
        secondary: "border bg-surface text-ink hover:bg-raised",
        ghost: "text-soft hover:bg-raised hover:text-ink",
        buy: "bg-up text-surface hover:opacity-90",
        sell: "bg-down text-surface hover:opacity-90",
      },
      size: {
        sm: "h-7 px-2 text-xs",
        md: "h-9 px-3 text-sm",
        lg: "h-11 px-4 text-base",
        icon: "size-9",
      },
    },
    defaultVariants: { variant: "secondary", size: "md" },
  },
);

type Props = ComponentProps<"button"> & VariantProps<typeof look> & { asChild?: boolean };

/** A button; with `asChild` its child, a link for instance, in the look of one. */
export function Button({ variant, size, asChild, className, ...props }: Props) {
  const look_ = classes(look({ variant, size }), className);
  if (asChild) return <Slot.Root className={look_} {...props} />;
  return <button type="button" className={look_} {...props} />;
}
