import { Link } from "@tanstack/react-router";

import { buttonClasses } from "@/components/button";
import { Empty } from "@/components/states";
import { useOrg } from "@/lib/me";

/** Before the first request: how it is made. */
export function FirstRequest() {
  const org = useOrg();
  const start = (
    <Link to="/o/$org/start" params={{ org: org.slug }} className={buttonClasses("primary")}>
      Send the first request
    </Link>
  );
  return (
    <Empty title="No requests yet" action={start}>
      Point an SDK at this gateway with one of your keys. Each request is listed here with its plan, its attempts, its
      tokens and its cost.
    </Empty>
  );
}
