import { Link } from "@tanstack/react-router";
import { Fragment } from "react";

import type { Schema } from "@/lib/api/client";
import { refusalOf } from "@/features/requests/refusals";
import { useOrg } from "@/lib/me";

/** Why a request was refused or failed: what the caller was told, what to do, and the page where that is done. */
export function RefusalWords({ request }: { request: Schema["RequestShown"] }) {
  const org = useOrg();
  const refusal = refusalOf(request.error_code);
  const told = request.error_message;
  if (!refusal) return told ? <Told message={told} /> : null;
  const places = (refusal.places ?? []).filter((place) => org.permissions.includes(place.needs));
  return (
    <div className="mt-1.5 flex flex-col gap-1">
      {told ? <Told message={told} /> : <p>{refusal.means}</p>}
      <p className="text-muted">
        {refusal.todo}
        {places.map(({ title, to }, place) => (
          <Fragment key={to}>
            {place === 0 ? " See " : " or "}
            <Link
              to={to}
              params={{ org: org.slug }}
              className="font-medium text-accent underline-offset-2 hover:underline"
            >
              {title}
            </Link>
          </Fragment>
        ))}
        {places.length > 0 ? "." : null}
      </p>
    </div>
  );
}

function Told({ message }: { message: string }) {
  return (
    <p className="break-words">
      <span className="text-muted">The caller was told: </span>
      {message}
    </p>
  );
}
