import { DropdownMenu as Radix } from "radix-ui";
import type { ReactNode } from "react";

import { classes } from "@/components/classes";

const ITEM =
  "flex items-center gap-2 rounded-control px-2 py-1.5 text-table outline-none data-[highlighted]:bg-raised " +
  "data-[disabled]:cursor-not-allowed data-[disabled]:opacity-50";

export function Menu({
  trigger,
  children,
  align = "end",
}: {
  trigger: ReactNode;
  children: ReactNode;
  align?: "start" | "end";
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          align={align}
          sideOffset={4}
          className="appear z-50 min-w-44 rounded-card border border-line bg-surface p-1 shadow-float"
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface ItemProps {
  children: ReactNode;
  onSelect: () => void;
  danger?: boolean;
  disabled?: boolean;
}

export function MenuItem({ children, onSelect, danger = false, disabled = false }: ItemProps) {
  return (
    <Radix.Item className={classes(ITEM, danger && "text-red")} onSelect={onSelect} disabled={disabled}>
      {children}
    </Radix.Item>
  );
}

export function MenuLabel({ children }: { children: ReactNode }) {
  return <Radix.Label className="px-2 py-1 text-caption text-faint">{children}</Radix.Label>;
}

export function MenuLine() {
  return <Radix.Separator className="my-1 h-px bg-line" />;
}
