import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { buttonClasses } from "@/components/button";

const FOOT = [
  ["/pricing", "Pricing"],
  ["/docs", "Docs"],
  ["/contact", "Contact"],
  ["/terms", "Terms"],
  ["/privacy", "Privacy"],
  ["/sla", "SLA"],
] as const;

/** The frame of pages that anybody may read. */
export function PublicFrame({ children }: { children: ReactNode }) {
  return (
    <div className="mx-auto flex min-h-dvh max-w-5xl flex-col px-4 sm:px-6">
      <header className="flex h-16 items-center justify-between gap-4">
        <Link to="/" className="inline-flex items-center gap-2 font-semibold">
          <img src="/favicon.svg" alt="" width={22} height={22} />
          llmgateway
        </Link>
        <nav aria-label="Site" className="flex items-center gap-1">
          <Link to="/pricing" className={buttonClasses("ghost", "max-sm:hidden")}>
            Pricing
          </Link>
          <Link to="/docs" className={buttonClasses("ghost", "max-sm:hidden")}>
            Docs
          </Link>
          <Link to="/home" className={buttonClasses("secondary")}>
            Log in
          </Link>
        </nav>
      </header>
      <main className="flex-1 py-10">{children}</main>
      <footer className="flex flex-wrap gap-x-5 gap-y-2 border-t border-line py-6 text-table text-muted">
        {FOOT.map(([to, title]) => (
          <Link key={to} to={to} className="hover:text-text hover:underline">
            {title}
          </Link>
        ))}
        <span className="ml-auto">Apache-2.0</span>
      </footer>
    </div>
  );
}
