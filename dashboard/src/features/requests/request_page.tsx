import { Link, useParams } from "@tanstack/react-router";

import { Badge } from "@/components/badge";
import { Card, Facts } from "@/components/card";
import { CopyButton } from "@/components/copy";
import { Failure, SkeletonRows } from "@/components/states";
import { Content } from "@/features/requests/content";
import { Journey } from "@/features/requests/journey";
import { OutcomeBadge } from "@/features/requests/outcome";
import { TokensAndMoney } from "@/features/requests/tokens_and_money";
import { modelOf, servedBy, took } from "@/features/requests/words";
import { query, type Schema } from "@/lib/api/client";
import { dollars, share } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { clockTime, day } from "@/lib/time";

type Explained = Schema["RequestExplained"];

/** One request explained: its journey, its tokens, its money. */
export function RequestPage() {
  const org = useOrg();
  const { request: id = "" } = useParams({ strict: false });
  const asked = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/usage/{request_id}",
    { params: { path: { org: org.slug, request_id: id } } },
    { staleTime: Infinity },
  );
  const keyId = asked.data?.key_id;
  const key = query.useQuery(
    "get",
    "/api/v1/orgs/{org}/keys/{key_id}",
    { params: { path: { org: org.slug, key_id: keyId ?? "" } } },
    { enabled: keyId !== undefined && org.permissions.includes("keys:read") },
  ).data;
  if (asked.error) return <Failure error={asked.error} retry={() => void asked.refetch()} />;
  if (!asked.data) return <SkeletonRows rows={10} />;
  const request = asked.data;
  const keyName = key?.name ?? request.key_id;
  return (
    <>
      <Head request={request} />
      <div className="grid gap-4 lg:grid-cols-[1fr_320px]">
        <div className="flex min-w-0 flex-col gap-4">
          <Journey request={request} keyName={keyName} />
          <Content request={request} />
        </div>
        <div className="flex min-w-0 flex-col gap-4">
          <TokensAndMoney request={request} />
          <Card title="Request">
            <Facts
              rows={[
                [
                  "Key",
                  <Link
                    key="key"
                    to="/o/$org/requests"
                    params={{ org: org.slug }}
                    search={{ key_id: request.key_id }}
                    title={request.key_id}
                    className="underline-offset-2 hover:underline"
                  >
                    {keyName}
                  </Link>,
                ],
                ["Operation", request.operation],
                ["Dialect", request.dialect],
                ["Streamed", request.stream ? "yes" : "no"],
                ["Cache", request.cache],
                ["Tags", request.tags.length > 0 ? request.tags.join(", ") : "none"],
                ["Traffic", request.test ? "test key" : "live"],
              ]}
            />
          </Card>
        </div>
      </div>
    </>
  );
}

function Head({ request }: { request: Explained }) {
  const served = servedBy(request);
  const saved = Number(request.saved_usd ?? 0);
  return (
    <header className="mb-6 flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-3">
        <h1 className="font-mono text-body font-semibold break-all">{request.id}</h1>
        <CopyButton text={request.id} label="Copy the request id" />
        <OutcomeBadge request={request} />
        {request.cache === "hit" ? <Badge tone="good">from the cache</Badge> : null}
      </div>
      <p className="tabular text-muted">
        <span className="font-medium text-text">{modelOf(request)}</span>
        {served ? ` → served by ${served}` : ""} · {day(request.created_at)} {clockTime(request.created_at)} ·{" "}
        {took(request.duration_ms)} · <span className="font-medium text-text">{dollars(request.cost_usd)}</span>
        {saved > 0
          ? ` (list ${dollars(request.list_cost_usd)}, saved ${share(saved, Number(request.list_cost_usd))})`
          : ""}
      </p>
    </header>
  );
}
