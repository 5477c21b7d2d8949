import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

/** The product's sign. */
export function Brand() {
  return (
    <Link to="/" className="inline-flex items-center gap-2 font-semibold">
      <img src="/favicon.svg" alt="" width={22} height={22} />
      llmgateway
    </Link>
  );
}

interface FrameProps {
  title: string;
  children: ReactNode;
  footer?: ReactNode;
}

/** A form in the middle of the page, for those who are not logged in. */
export function SessionFrame({ title, children, footer }: FrameProps) {
  return (
    <main className="mx-auto flex min-h-dvh max-w-sm flex-col justify-center gap-6 px-4 py-10">
      <Brand />
      <h1 className="text-title font-semibold">{title}</h1>
      {children}
      {footer ? <p className="text-table text-muted">{footer}</p> : null}
    </main>
  );
}

export const LINK = "font-medium text-accent underline underline-offset-2 hover:text-accent-hover";
