import { Link } from "@tanstack/react-router";
import { Fragment } from "react";

import { refusalOf } from "@/features/requests/refusals";
import { useOrg } from "@/lib/me";

/** Why a request was refused or failed, what to do, and the page where that is done. */
export function RefusalWords({ code }: { code: string | null }) {
  const org = useOrg();
  const refusal = refusalOf(code);
  if (!refusal) return null;
  const places = (refusal.places ?? []).filter((place) => org.permissions.includes(place.needs));
  return (
    <div className="mt-1.5 flex flex-col gap-1">
      <p>{refusal.means}</p>
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
