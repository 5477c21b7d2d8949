import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { ChoiceField, TextField } from "@/components/field";
import { FormError, SkeletonRows } from "@/components/states";
import { useTell } from "@/components/toast";
import { outcomeOf } from "@/features/providers/outcome";
import { query } from "@/lib/api/client";
import { aboutIt } from "@/lib/api/errors";
import { labelOf } from "@/lib/api/sentences";
import { useOrg } from "@/lib/me";

interface Props {
  onClose: () => void;
  onDone: () => Promise<unknown>;
}

/** A provider's key: what it consists of is the provider's own business. */
export function CredentialForm({ onClose, onDone }: Props) {
  const org = useOrg();
  const tell = useTell();
  const [id, setId] = useState("openai");
  const [name, setName] = useState("");
  const [secrets, setSecrets] = useState<Record<string, string>>({});
  const [options, setOptions] = useState<Record<string, string>>({});
  const [baseUrl, setBaseUrl] = useState("");
  const known = query.useQuery("get", "/api/v1/public/providers", {}, { staleTime: Infinity }).data?.data;
  const add = query.useMutation("post", "/api/v1/orgs/{org}/credentials", {
    onSuccess: async (made) => {
      await onDone();
      tell(`${made.name} ${outcomeOf(made).said}`);
      onClose();
    },
  });
  const provider = known?.find((one) => one.id === id);
  const choices = (known ?? []).filter((one) => one.id !== "sandbox").map((one) => [one.id, one.title] as const);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const { api_key: key, ...others } = filled(secrets);
    add.mutate({
      params: { path: { org: org.slug } },
      body: {
        provider: id,
        name: name || (provider?.title ?? id),
        api_key: key ?? null,
        secrets: others,
        options: filled(options),
        base_url: baseUrl || null,
      },
    });
  };
  return (
    <Dialog
      open
      onClose={onClose}
      title="Add a provider's key"
      description="It is tried with a call that costs nothing, then sealed."
    >
      {known ? (
        <form className="flex flex-col gap-4" onSubmit={submit}>
          <ChoiceField label="Provider" value={id} choices={choices} onChange={setId} />
          <TextField label="Name" placeholder={provider?.title} value={name} onChange={setName} maxLength={100} />
          {(provider?.secrets ?? []).map((secret) => (
            <TextField
              key={secret}
              label={labelOf(secret)}
              type="password"
              autoComplete="off"
              required={(provider?.alternatives.length ?? 0) === 0}
              value={secrets[secret] ?? ""}
              onChange={(value) => setSecrets({ ...secrets, [secret]: value })}
            />
          ))}
          {provider?.alternatives[0]?.map((secret) => (
            <TextField
              key={secret}
              label={`${labelOf(secret)} (instead)`}
              type="password"
              autoComplete="off"
              value={secrets[secret] ?? ""}
              onChange={(value) => setSecrets({ ...secrets, [secret]: value })}
            />
          ))}
          {(provider?.needs ?? []).map((option) => (
            <TextField
              key={option}
              label={labelOf(option)}
              required
              value={options[option] ?? ""}
              onChange={(value) => setOptions({ ...options, [option]: value })}
            />
          ))}
          <TextField
            label="Base URL"
            type="url"
            hint="Empty: the provider's own. https, and on the public internet."
            placeholder={provider?.base_url}
            value={baseUrl}
            onChange={setBaseUrl}
            error={aboutIt(add.error, "base_url")}
          />
          <FormError error={add.error} told={["base_url"]} />
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Cancel</Button>
            <Button kind="primary" type="submit" busy={add.isPending}>
              Check and save
            </Button>
          </div>
        </form>
      ) : (
        <SkeletonRows rows={4} />
      )}
    </Dialog>
  );
}

function filled(values: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ""));
}
