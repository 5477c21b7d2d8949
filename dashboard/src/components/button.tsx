import { LoaderCircle } from "lucide-react";
import type { ComponentProps, ReactNode } from "react";

import { classes } from "@/components/classes";

type Kind = "primary" | "secondary" | "ghost" | "danger";

const KINDS: Record<Kind, string> = {
  primary: "bg-accent text-on-accent hover:bg-accent-hover",
  secondary: "border border-line bg-surface hover:bg-raised",
  ghost: "hover:bg-raised text-muted hover:text-text",
  danger: "border border-red text-red hover:bg-red-soft",
};

const SHAPE =
  "inline-flex h-8 items-center justify-center gap-1.5 rounded-control px-3 text-table font-medium whitespace-nowrap " +
  "transition-colors duration-150 disabled:cursor-not-allowed disabled:opacity-50";

export function buttonClasses(kind: Kind = "secondary", extra?: string): string {
  return classes(SHAPE, KINDS[kind], extra);
}

interface Props extends ComponentProps<"button"> {
  kind?: Kind;
  /** Work under way: shown, and not to be started twice. */
  busy?: boolean;
  icon?: ReactNode;
}

export function Button({ kind = "secondary", busy = false, icon, children, className, disabled, ...rest }: Props) {
  return (
    <button
      type="button"
      className={buttonClasses(kind, className)}
      disabled={disabled === true || busy}
      aria-busy={busy}
      {...rest}
    >
      {busy ? <LoaderCircle aria-hidden className="size-4 animate-spin" /> : icon}
      {children}
    </button>
  );
}

/** A button that is only a picture; the label is read aloud and shown on hover. */
export function IconButton({ label, children, className, ...rest }: ComponentProps<"button"> & { label: string }) {
  return (
    <button
      type="button"
      aria-label={label}
      title={label}
      className={classes(
        "inline-flex size-8 items-center justify-center rounded-control text-muted hover:bg-raised hover:text-text",
        className,
      )}
      {...rest}
    >
      {children}
    </button>
  );
}
