import { useQuery } from "@tanstack/react-query";
import { Link, useLocation } from "@tanstack/react-router";
import type { ReactNode } from "react";

import { buttonClasses } from "@/components/button";
import { Failure } from "@/components/states";
import { PublicFrame } from "@/features/public/frame";
import { Brand } from "@/features/session/frame";
import { meOptions, type MyOrg } from "@/lib/me";

/** No page of this address; for an organisation that one does not belong to, those that one does. */
export function NotFound() {
  const { pathname } = useLocation();
  // Only what is known already: nobody need be logged in here.
  const me = useQuery({ ...meOptions(), enabled: false }).data;
  const asked = decodeURIComponent(/^\/o\/([^/]+)/.exec(pathname)?.[1] ?? "");
  if (me && asked && !me.orgs.some((one) => one.slug === asked || one.id === asked))
    return <NotOurs asked={asked} orgs={me.orgs} />;
  return (
    <PublicFrame>
      <DeadEnd title="There is no such page" words="The address may be mistyped, or the page was moved.">
        <Link to="/home" className={buttonClasses("primary")}>
          To the dashboard
        </Link>
        <Link to="/docs" className={buttonClasses("secondary")}>
          Read the docs
        </Link>
      </DeadEnd>
    </PublicFrame>
  );
}

function NotOurs({ asked, orgs }: { asked: string; orgs: readonly MyOrg[] }) {
  const words =
    orgs.length === 0
      ? "You belong to none yet: make one in your profile, or follow an invitation."
      : "It may have another name by now, or you left it. These are yours:";
  return (
    <main className="mx-auto flex min-h-dvh max-w-md flex-col justify-center gap-6 px-4 py-10">
      <Brand />
      <DeadEnd title={`You are in no organisation called ${asked}`} words={words}>
        {orgs.map((one) => (
          <Link key={one.id} to="/o/$org" params={{ org: one.slug }} className={buttonClasses("secondary")}>
            {one.name}
          </Link>
        ))}
        <Link to="/profile" className={buttonClasses("ghost")}>
          Your profile
        </Link>
      </DeadEnd>
    </main>
  );
}

function DeadEnd({ title, words, children }: { title: string; words: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-2">
      <h1 className="text-title font-semibold">{title}</h1>
      <p className="text-muted">{words}</p>
      <div className="mt-3 flex flex-wrap items-center gap-2">{children}</div>
    </div>
  );
}

export function RouteFailure({ error }: { error: unknown }) {
  return (
    <main className="mx-auto flex max-w-xl flex-col gap-6 p-6">
      <Brand />
      <h1 className="text-title font-semibold">This page cannot be shown</h1>
      <Failure error={error} retry={() => window.location.reload()} />
    </main>
  );
}
