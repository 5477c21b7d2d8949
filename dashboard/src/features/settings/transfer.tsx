import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { ChoiceField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query } from "@/lib/api/client";
import { useMe, useOrg } from "@/lib/me";

/** Another member becomes the owner. */
export function Transfer({ onClose }: { onClose: () => void }) {
  const org = useOrg();
  const me = useMe();
  const tell = useTell();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState("");
  const path = { org: org.slug };
  const members = query.useQuery("get", "/api/v1/orgs/{org}/members", { params: { path } }).data?.data ?? [];
  const transfer = query.useMutation("post", "/api/v1/orgs/{org}/transfer", {
    onSuccess: async () => {
      await queries.invalidateQueries();
      tell("The ownership is transferred");
      onClose();
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    transfer.mutate({ params: { path }, body: { user_id: chosen } });
  };
  const others = members.filter((member) => member.user_id !== me?.user.id);
  return (
    <Dialog open onClose={onClose} title="Transfer ownership" description="You become an admin.">
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <ChoiceField
          label="New owner"
          value={chosen}
          choices={[["", "Choose a member"], ...others.map((one) => [one.user_id, one.email] as const)]}
          onChange={setChosen}
        />
        <FormError error={transfer.error} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" disabled={!chosen} busy={transfer.isPending}>
            Transfer
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
