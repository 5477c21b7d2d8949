import { type ReactNode, useId } from "react";

import { classes } from "@/components/classes";

interface CardProps {
  title?: ReactNode;
  action?: ReactNode;
  children: ReactNode;
  className?: string;
}

export function Card({ title, action, children, className }: CardProps) {
  return (
    <section className={classes("min-w-0 rounded-card border border-line bg-surface", className)}>
      {title ? (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-3 border-b border-line px-4 py-1.5">
          <h2 className="text-body font-semibold">{title}</h2>
          {action}
        </header>
      ) : null}
      <div className="p-4 has-[>[data-flush]]:p-0">{children}</div>
    </section>
  );
}

interface HeadProps {
  title: string;
  /** The sentence or number that its visitor came for. */
  answer?: ReactNode;
  action?: ReactNode;
}

export function PageHead({ title, answer, action }: HeadProps) {
  return (
    <header className="mb-6 flex flex-wrap items-start justify-between gap-3">
      <div className="min-w-0">
        <h1 className="text-title font-semibold">{title}</h1>
        {answer ? <p className="mt-1 max-w-3xl text-muted">{answer}</p> : null}
      </div>
      <div className="flex flex-wrap items-center gap-2">{action}</div>
    </header>
  );
}

interface StatProps {
  label: string;
  /** What the figure counts, said on hover and to readers. */
  meaning: string;
  value: ReactNode;
  note?: ReactNode;
  /** The way to the rows behind the figure. */
  more?: ReactNode;
}

/** A figure; its definition is one hover or one tab away. */
export function Stat({ label, meaning, value, note, more }: StatProps) {
  const id = useId();
  return (
    <div className="group relative min-w-0 rounded-card border border-line bg-surface px-4 py-3">
      <dt className="flex items-center justify-between gap-2 text-caption text-muted">
        <button type="button" aria-describedby={id} className="peer cursor-help text-left">
          {label}
        </button>
        <span className="opacity-0 transition-opacity duration-150 group-focus-within:opacity-100 group-hover:opacity-100 pointer-coarse:opacity-100">
          {more}
        </span>
        <span
          id={id}
          role="tooltip"
          className="pointer-events-none invisible absolute top-9 left-3 z-20 w-60 max-w-[calc(100%-1.5rem)] rounded-control border border-line bg-surface px-2.5 py-1.5 text-text shadow-float peer-hover:visible peer-focus-visible:visible"
        >
          {meaning}
        </span>
      </dt>
      <dd className="tabular mt-1 truncate text-title font-semibold max-sm:text-body">{value}</dd>
      <dd className="tabular min-h-4 truncate text-caption text-faint">{note}</dd>
    </div>
  );
}

/** Rows of a name and a value. */
export function Facts({ rows }: { rows: readonly (readonly [string, ReactNode])[] }) {
  return (
    <dl className="divide-y divide-line text-table">
      {rows.map(([name, value]) => (
        <div key={name} className="flex justify-between gap-4 py-1.5">
          <dt className="shrink-0 text-muted">{name}</dt>
          <dd className="tabular min-w-0 text-right break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
