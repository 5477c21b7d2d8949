import { Lock, RefreshCw, TriangleAlert } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "@/components/button";
import { classes } from "@/components/classes";
import { CopyButton } from "@/components/copy";
import { ApiError, isAbout, wordsOf } from "@/lib/api/errors";

/** A grey shape of what comes. */
export function Skeleton({ className }: { className?: string }) {
  return <div aria-hidden className={classes("skeleton", className ?? "h-4 w-full")} />;
}

export function SkeletonRows({ rows = 8 }: { rows?: number }) {
  return (
    <div role="status" aria-label="Loading" className="flex flex-col gap-2 py-1">
      {Array.from({ length: rows }, (_, place) => (
        <Skeleton key={place} className="h-8 w-full" />
      ))}
    </div>
  );
}

interface EmptyProps {
  title: string;
  children: ReactNode;
  action?: ReactNode;
}

/** Nothing here yet: what this is, and the one thing to do. */
export function Empty({ title, children, action }: EmptyProps) {
  return (
    <div className="appear flex flex-col items-center gap-3 px-4 py-12 text-center">
      <h2 className="font-semibold">{title}</h2>
      <div className="max-w-md text-muted">{children}</div>
      {action}
    </div>
  );
}

/** What went wrong, the id to tell, and another try. */
export function Failure({ error, retry }: { error: unknown; retry?: (() => void) | undefined }) {
  const id = error instanceof ApiError ? error.requestId : null;
  if (error instanceof ApiError && error.status === 403) return <Forbidden>{error.message}</Forbidden>;
  return (
    <div role="alert" className="flex flex-col items-start gap-3 rounded-card border border-red p-4">
      <p className="flex items-start gap-2">
        <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-red" />
        {wordsOf(error)}
      </p>
      <div className="flex flex-wrap items-center gap-3">
        {retry ? (
          <Button onClick={retry} icon={<RefreshCw aria-hidden className="size-4" />}>
            Try again
          </Button>
        ) : null}
        {id ? (
          <span className="flex items-center gap-1 font-mono text-caption text-faint">
            {id} <CopyButton text={id} label="Copy the request id" />
          </span>
        ) : null}
      </div>
    </div>
  );
}

/** What one's role does not allow, and who can. */
export function Forbidden({ children }: { children: ReactNode }) {
  return (
    <div className="flex items-start gap-2 rounded-card border border-line p-4 text-muted">
      <Lock aria-hidden className="mt-0.5 size-4 shrink-0" />
      <p>{children}</p>
    </div>
  );
}

interface FormErrorProps {
  error: unknown;
  /** Fields that say themselves what is wrong with them. */
  told?: readonly string[];
}

/** What is wrong with a form as a whole. */
export function FormError({ error, told = [] }: FormErrorProps) {
  if (!error || told.some((field) => isAbout(error, field))) return null;
  const id = error instanceof ApiError ? error.requestId : null;
  return (
    <p role="alert" className="rounded-control bg-red-soft px-3 py-2 text-table text-red">
      {wordsOf(error)}
      {id ? <span className="mt-1 block font-mono text-caption">{id}</span> : null}
    </p>
  );
}
