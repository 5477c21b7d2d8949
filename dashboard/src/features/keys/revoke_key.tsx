import { Confirm } from "@/components/dialog";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";

export interface KeyDialogProps {
  of: Schema["KeyShown"];
  onClose: () => void;
  onDone: (secret?: string) => void;
}

export function RevokeKey({ of: key, onClose, onDone }: KeyDialogProps) {
  const org = useOrg();
  const tell = useTell();
  const revoke = query.useMutation("delete", "/api/v1/orgs/{org}/keys/{key_id}", {
    onSuccess: () => {
      tell(`${key.name} is revoked`);
      onDone();
    },
  });
  return (
    <Confirm
      open
      onClose={onClose}
      title={`Revoke ${key.name}`}
      act="Revoke key"
      typed={key.name}
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoke.mutate({ params: { path: { org: org.slug, key_id: key.id } } })}
    >
      Every application that sends it is refused within moments. A revoked key does not come back; its usage stays.
    </Confirm>
  );
}
