import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { rolesFrom } from "@/features/team/roles";
import { query, type Schema } from "@/lib/api/client";
import { useOrg } from "@/lib/me";

export function Invite({ onClose }: { onClose: () => void }) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState<Schema["OrgRole"]>("member");
  const invite = query.useMutation("post", "/api/v1/orgs/{org}/invitations", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/invitations"] });
      tell(`A link is on its way to ${email}`);
      onClose();
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    invite.mutate({ params: { path: { org: org.slug } }, body: { email, role } });
  };
  return (
    <Dialog open onClose={onClose} title="Invite somebody" description="A link comes by mail; it works for a week.">
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <TextField label="E-mail" type="email" required value={email} onChange={setEmail} />
        <ChoiceField label="Role" value={role} choices={rolesFrom(org.role)} onChange={setRole} />
        <FormError error={invite.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={invite.isPending}>
            Send invitation
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
