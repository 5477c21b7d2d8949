import { ExternalLink } from "lucide-react";

import { Button } from "@/components/button";
import { useTell } from "@/components/toast";
import { leave } from "@/features/billing/departure";
import { query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useMay, useOrg } from "@/lib/me";

/** To Stripe's page for cards and addresses. */
export function Portal({ billing }: { billing: Schema["BillingShown"] }) {
  const org = useOrg();
  const tell = useTell();
  const may = useMay("billing:write");
  const open = query.useMutation("post", "/api/v1/orgs/{org}/billing/portal", {
    onSuccess: (page) => leave(page.url, billing),
    onError: (error) => tell(wordsOf(error)),
  });
  if (!may || !billing.stripe || billing.status === "none") return null;
  return (
    <Button
      busy={open.isPending}
      onClick={() => open.mutate({ params: { path: { org: org.slug } } })}
      icon={<ExternalLink aria-hidden className="size-4" />}
    >
      Cards and addresses
    </Button>
  );
}
