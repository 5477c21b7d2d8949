import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { Mono } from "@/components/copy";
import { download } from "@/components/csv";
import { Confirm } from "@/components/dialog";
import { useTell } from "@/components/toast";
import { Transfer } from "@/features/settings/transfer";
import { api, query, type Schema } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { cents } from "@/lib/format";
import { useMay, useOrg } from "@/lib/me";
import { day } from "@/lib/time";

type Act = "leave" | "erase" | "delete" | "transfer";

/** Taking data out, leaving, and what cannot be undone. */
export function DangerZone({ of: shown }: { of: Schema["OrgShown"] }) {
  const org = useOrg();
  const tell = useTell();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const mayEnd = useMay("org:delete");
  const mayExport = useMay("org:export");
  const [act, setAct] = useState<Act | null>(null);
  const params = { params: { path: { org: org.slug } } };
  const billing = query.useQuery("get", "/api/v1/orgs/{org}/billing", params, { enabled: act === "delete" });
  const credit = Number(billing.data?.credit_usd ?? 0) > 0 ? cents(billing.data?.credit_usd) : null;
  const done = (text: string, away: boolean) => ({
    onSuccess: async () => {
      setAct(null);
      tell(text);
      await queries.invalidateQueries();
      if (away) await navigate({ to: "/home" });
    },
  });
  const leave = query.useMutation("post", "/api/v1/orgs/{org}/leave", done(`You left ${org.name}`, true));
  const erase = query.useMutation("post", "/api/v1/orgs/{org}/erase", done("The data key is destroyed", false));
  const end = query.useMutation("delete", "/api/v1/orgs/{org}", done("The organisation will be deleted", false));
  const restore = query.useMutation("post", "/api/v1/orgs/{org}/restore", done("The organisation is restored", false));
  const save = async (): Promise<void> => {
    try {
      const { data } = await api.GET("/api/v1/orgs/{org}/export", { ...params, parseAs: "text" });
      download(`${org.slug}.jsonl`, String(data), "application/jsonl");
    } catch (error) {
      tell(wordsOf(error));
    }
  };
  return (
    <Card title="Data, leaving, ending">
      <div className="flex flex-col divide-y divide-line">
        {mayExport ? (
          <Row
            text="All that is kept of this organisation, as JSON Lines."
            act={<Button onClick={() => void save()}>Export</Button>}
          />
        ) : null}
        <Row
          text="You lose access at once, and the keys that you made end."
          act={<Button onClick={() => setAct("leave")}>Leave</Button>}
        />
        {mayEnd ? (
          <>
            <Row
              text="Another member becomes the owner."
              act={<Button onClick={() => setAct("transfer")}>Transfer ownership</Button>}
            />
            <Row
              text="Destroys the key that seals credentials and logged content: they can never be read again, in no backup."
              act={
                <Button kind="danger" onClick={() => setAct("erase")}>
                  Erase sealed data
                </Button>
              }
            />
            {shown.deletes_at ? (
              <Row
                text={`It is deleted on ${day(shown.deletes_at)}.`}
                act={
                  <Button busy={restore.isPending} onClick={() => restore.mutate(params)}>
                    Restore
                  </Button>
                }
              />
            ) : (
              <Row
                text="Its keys stop at once; after a grace period everything is deleted."
                act={
                  <Button kind="danger" onClick={() => setAct("delete")}>
                    Delete organisation
                  </Button>
                }
              />
            )}
          </>
        ) : null}
      </div>
      <Confirm
        open={act === "leave"}
        onClose={() => setAct(null)}
        title={`Leave ${org.name}`}
        act="Leave"
        busy={leave.isPending}
        error={leave.error}
        onConfirm={() => leave.mutate(params)}
      >
        Somebody has to invite you again.
      </Confirm>
      <Confirm
        open={act === "erase"}
        onClose={() => setAct(null)}
        title="Erase sealed data"
        act="Erase"
        typed={org.slug}
        busy={erase.isPending}
        error={erase.error}
        onConfirm={() => erase.mutate(params)}
      >
        Credentials of providers and logged contents become unreadable for ever. Usage and money stay. The name to type
        is that of this organisation in addresses, <Mono>{org.slug}</Mono>.
      </Confirm>
      <Confirm
        open={act === "delete"}
        onClose={() => setAct(null)}
        title={`Delete ${org.name}`}
        act={credit ? `Delete it and ${credit} of credit` : "Delete organisation"}
        typed={org.slug}
        busy={end.isPending || billing.isPending}
        error={end.error}
        onConfirm={() => end.mutate({ params: { ...params.params, query: { give_up_credit: credit !== null } } })}
      >
        {credit ? (
          <p className="mb-2 font-medium text-ink">
            {credit} of prepaid credit is left and is lost with the organisation. The operator of this gateway can give
            it back before.
          </p>
        ) : null}
        Its keys are refused from now on. An owner can restore it until the grace period ends. The name to type is that
        of this organisation in addresses, <Mono>{org.slug}</Mono>.
      </Confirm>
      {act === "transfer" ? <Transfer onClose={() => setAct(null)} /> : null}
    </Card>
  );
}

function Row({ text, act }: { text: string; act: ReactNode }) {
  return (
    <div className="flex flex-wrap items-center justify-between gap-3 py-3">
      <p className="max-w-xl text-muted">{text}</p>
      {act}
    </div>
  );
}
