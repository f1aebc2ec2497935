import type { FeedFigures } from "@/engine/types";
import { span } from "@/format/format";
import { Badge } from "@/ui/feedback";

/** A word beside a price that may not be trusted; nothing beside one that may. */
export function PriceState({ feed }: { feed: FeedFigures | undefined }) {
  if (!feed) return null;
  const age = feed.age === null ? "" : `${span(feed.age)} old`;
  if (feed.validity === "never") return <Badge tone="warn">no price</Badge>;
  if (feed.validity === "stale")
    return (
      <Badge tone="warn" title={age}>
        stale
      </Badge>
    );
  if (feed.validity === "wide") return <Badge tone="warn">uncertain</Badge>;
  if (feed.divergent) return <Badge tone="warn">sources differ</Badge>;
  return null;
}
