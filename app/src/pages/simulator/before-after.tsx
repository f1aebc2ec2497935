/** A figure before and after the changes of the scene. */
import { ArrowRight } from "lucide-react";

/** `a → b`, or only one of them where both are the same. */
export function BeforeAfter({ before, after }: { before: string; after: string }) {
  if (before === after) return <>{after}</>;
  return (
    <span className="relative inline-flex items-center gap-1">
      <span className="text-soft">
        <span className="sr-only">from </span>
        {before}
      </span>
      <ArrowRight aria-hidden className="size-3 text-soft" />
      <span className="sr-only"> to </span>
      <span className="font-medium">{after}</span>
    </span>
  );
}
