import { useQueryClient } from "@tanstack/react-query";
import type { SubmitEvent } from "react";

import { Button } from "@/components/button";
import { Card, PageHead } from "@/components/card";
import { Mono } from "@/components/copy";
import { TextField } from "@/components/field";
import { Failure, FormError, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { DangerZone } from "@/features/settings/danger_zone";
import { PolicyForm } from "@/features/settings/policy_form";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { changesOf, useEdits } from "@/lib/edits";
import { useMay, useOrg } from "@/lib/me";
import { typedNumber } from "@/lib/typed";

/** The organisation's name, what its keys are held to, privacy, and how it ends. */
export function Settings() {
  const org = useOrg();
  const path = { org: org.slug };
  const shown = query.useQuery("get", "/api/v1/orgs/{org}", { params: { path } });
  const policy = query.useQuery("get", "/api/v1/orgs/{org}/policy", { params: { path } });
  if (shown.error) return <Failure error={shown.error} retry={() => void shown.refetch()} />;
  return (
    <>
      <PageHead
        title="Settings"
        answer="The organisation, what its keys are held to, and what is kept of what they say."
      />
      <div className="flex flex-col gap-4">
        <Card title="Organisation">{shown.data ? <Organisation of={shown.data} /> : <SkeletonRows rows={2} />}</Card>
        {policy.error ? (
          <Failure error={policy.error} retry={() => void policy.refetch()} />
        ) : policy.data ? (
          <PolicyForm of={policy.data} />
        ) : (
          <SkeletonRows rows={4} />
        )}
        {shown.data ? <DangerZone of={shown.data} /> : null}
      </div>
    </>
  );
}

function Organisation({ of: shown }: { of: Schema["OrgShown"] }) {
  const org = useOrg();
  const may = useMay("org:write");
  const tell = useTell();
  const queries = useQueryClient();
  const saved = { name: shown.name, cache: shown.cache_seconds?.toString() ?? "" };
  const { draft, type, clear } = useEdits(saved);
  const save = query.useMutation("patch", "/api/v1/orgs/{org}", {
    onSuccess: async () => {
      await queries.invalidateQueries();
      clear();
      tell("Saved");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const body = (from: typeof draft) => ({ name: from.name, cache_seconds: typedNumber(from.cache) });
    save.mutate({ params: { path: { org: org.slug } }, body: changesOf(body(saved), body(draft)) });
  };
  return (
    <form className="grid gap-4 sm:grid-cols-2" onSubmit={submit}>
      <TextField
        label="Name"
        required
        maxLength={100}
        disabled={!may}
        value={draft.name}
        onChange={(name) => type({ name })}
        error={aboutIt(save.error, "name")}
        hint={
          <>
            In addresses and in the API it is <Mono>{shown.slug}</Mono>.
          </>
        }
      />
      <TextField
        label="Cache answers for seconds"
        hint="Empty: as the gateway does. 0: never. Keys and requests can say otherwise."
        inputMode="numeric"
        disabled={!may}
        value={draft.cache}
        onChange={(cache) => type({ cache })}
        error={aboutIt(save.error, "cache_seconds")}
      />
      <div className="flex flex-col items-start gap-3 sm:col-span-2">
        <FormError error={save.error} told={["name", "cache_seconds"]} />
        {may ? (
          <Button type="submit" busy={save.isPending}>
            Save
          </Button>
        ) : (
          <p className="text-caption text-faint">Admins and owners can change this.</p>
        )}
      </div>
    </form>
  );
}
