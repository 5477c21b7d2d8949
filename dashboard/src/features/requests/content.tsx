import { useState } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { CodeBlock } from "@/components/copy";
import { Failure, SkeletonRows } from "@/components/states";
import { query, type Schema } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";
import { day } from "@/lib/time";

/** What was said, where the organisation logs it and one's role may read it. */
export function Content({ request }: { request: Schema["RequestExplained"] }) {
  const org = useOrg();
  const [open, setOpen] = useState(false);
  const may = org.permissions.includes("content:read");
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage/{request_id}/content",
    { params: { path: { org: org.slug, request_id: request.id } } },
    { enabled: open && may },
  );
  const show = may && !open ? <Button onClick={() => setOpen(true)}>Show</Button> : null;
  return (
    <Card title="Content" action={show}>
      {!may ? (
        <p className="text-muted">Owners and admins may read what was said, if this organisation logs it.</p>
      ) : !open ? (
        <p className="text-muted">Sealed, and only for owners and admins; that you read it is in the audit log.</p>
      ) : asked.error instanceof ApiError && asked.error.status === 404 ? (
        <p className="text-muted">
          Nothing was kept of what was said. Content logging is off unless Settings → Privacy says otherwise.
        </p>
      ) : asked.error ? (
        <Failure error={asked.error} retry={() => void asked.refetch()} />
      ) : asked.data ? (
        <div className="flex flex-col gap-3">
          <CodeBlock label="the request" code={JSON.stringify(asked.data.request, null, 2)} />
          <CodeBlock label="the answer" code={asked.data.answer} />
          <p className="text-caption text-faint">Kept until {day(asked.data.expires_at)}.</p>
        </div>
      ) : (
        <SkeletonRows rows={3} />
      )}
    </Card>
  );
}
