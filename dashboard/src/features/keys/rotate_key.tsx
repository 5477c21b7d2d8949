import { useState } from "react";

import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { ChoiceField } from "@/components/field";
import { FormError } from "@/components/states";
import type { KeyDialogProps } from "@/features/keys/revoke_key";
import { query } from "@/lib/api/client";
import { useOrg } from "@/lib/me";

const OVERLAPS = [
  ["0", "End the old secret now"],
  ["3600", "Both work for an hour"],
  ["86400", "Both work for a day"],
  ["604800", "Both work for a week"],
] as const;

const MEANWHILE: Record<(typeof OVERLAPS)[number][0], string> = {
  "0": "Applications that still send the old one are refused at once.",
  "3600": "For an hour the old one goes on working.",
  "86400": "For a day the old one goes on working.",
  "604800": "For a week the old one goes on working.",
};

export function RotateKey({ of: key, onClose, onDone }: KeyDialogProps) {
  const org = useOrg();
  const [overlap, setOverlap] = useState<(typeof OVERLAPS)[number][0]>("86400");
  const rotate = query.useMutation("post", "/api/v1/orgs/{org}/keys/{key_id}/rotate", {
    onSuccess: (made) => onDone(made.key),
  });
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Rotate ${key.name}`}
      description={`A new secret for the same key: limits, budget and usage stay. ${MEANWHILE[overlap]}`}
    >
      <form
        className="flex flex-col gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          rotate.mutate({
            params: { path: { org: org.slug, key_id: key.id } },
            body: { overlap_seconds: Number(overlap) },
          });
        }}
      >
        <ChoiceField label="The old secret" value={overlap} choices={OVERLAPS} onChange={setOverlap} />
        <FormError error={rotate.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={rotate.isPending}>
            Rotate
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
