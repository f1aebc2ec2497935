import { Tabs as Radix } from "radix-ui";
import type { ReactNode } from "react";

interface Props {
  label: string;
  tabs: readonly { id: string; title: ReactNode; content: ReactNode }[];
}

/** Several contents of one place. */
export function Tabs({ label, tabs }: Props) {
  return (
    <Radix.Root {...(tabs[0] ? { defaultValue: tabs[0].id } : {})}>
      <Radix.List aria-label={label} className="flex gap-1 overflow-x-auto border-b px-2">
        {tabs.map(({ id, title }) => (
          <Radix.Trigger
            key={id}
            value={id}
            className="border-b-2 border-transparent px-2.5 py-2.5 text-sm font-medium whitespace-nowrap text-soft data-[state=active]:border-accent data-[state=active]:text-ink"
          >
            {title}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map(({ id, content }) => (
        <Radix.Content key={id} value={id} className="focus-visible:outline-offset-[-2px]">
          {content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
