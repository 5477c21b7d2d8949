import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { CodeBlock } from "@/components/copy";
import { Failure, SkeletonRows } from "@/components/states";
import { whyNotKept } from "@/features/requests/kept";
import { query, type Schema } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { useMay, useOrg } from "@/lib/me";
import { day } from "@/lib/time";

/** What was said, where the organisation logs it and one's role may read it. */
export function Content({ request }: { request: Schema["RequestExplained"] }) {
  const org = useOrg();
  const [open, setOpen] = useState(false);
  const may = useMay("content:read");
  const policy = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/policy",
    { params: { path: { org: org.slug } } },
    { enabled: may },
  ).data;
  const not = policy ? whyNotKept(policy.content_logging, request.outcome) : null;
  // What was logged before the policy changed is still there for a while.
  const show =
    !may || open ? null : not ? (
      <Button kind="ghost" onClick={() => setOpen(true)}>
        Look for what was kept before
      </Button>
    ) : (
      <Button onClick={() => setOpen(true)}>Show</Button>
    );
  return (
    <Card title="Content" action={show}>
      {!may ? (
        <p className="text-muted">Owners and admins may read what was said, if this organisation logs it.</p>
      ) : open ? (
        <Said id={request.id} />
      ) : not ? (
        <p className="text-muted">
          {not}{" "}
          <Link
            to="/o/$org/settings"
            params={{ org: org.slug }}
            className="font-medium text-accent underline-offset-2 hover:underline"
          >
            Settings
          </Link>{" "}
          say what is.
        </p>
      ) : (
        <p className="text-muted">Sealed, and only for owners and admins; that you read it is in the audit log.</p>
      )}
    </Card>
  );
}

function Said({ id }: { id: string }) {
  const org = useOrg();
  const asked = query.useQuery("get", "/api/v1/orgs/{org}/usage/{request_id}/content", {
    params: { path: { org: org.slug, request_id: id } },
  });
  if (asked.error instanceof ApiError && asked.error.status === 404)
    return <p className="text-muted">Nothing was kept of what was said in this request.</p>;
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  if (!asked.data) return <SkeletonRows rows={3} />;
  return (
    <div className="flex flex-col gap-3">
      <CodeBlock label="the request" code={JSON.stringify(asked.data.request, null, 2)} />
      <CodeBlock label="the answer" code={asked.data.answer} />
      <p className="text-caption text-faint">Kept until {day(asked.data.expires_at)}.</p>
    </div>
  );
}
