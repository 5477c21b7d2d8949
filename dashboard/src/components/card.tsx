import type { ReactNode } from "react";

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
      <div className="p-4">{children}</div>
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
}

export function Stat({ label, meaning, value, note }: StatProps) {
  return (
    <div className="min-w-0 rounded-card border border-line bg-surface px-4 py-3" title={meaning}>
      <dt className="text-caption text-muted">
        {label}
        <span className="sr-only">: {meaning}</span>
      </dt>
      <dd className="tabular mt-1 text-title font-semibold">{value}</dd>
      <dd className="tabular min-h-4 text-caption text-faint">{note}</dd>
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
