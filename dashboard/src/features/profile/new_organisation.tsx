import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { query } from "@/lib/api/client";

/** For somebody who belongs to none. */
export function NewOrganisation() {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const [name, setName] = useState("");
  const make = query.useMutation("post", "/api/v1/orgs", {
    onSuccess: async (made) => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/me"] });
      await navigate({ to: "/o/$org/start", params: { org: made.slug } });
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    make.mutate({ body: { name } });
  };
  return (
    <Card title="You belong to no organisation">
      <form className="flex flex-col items-start gap-3" onSubmit={submit}>
        <p className="text-muted">Make one, or ask somebody for an invitation.</p>
        <TextField label="Name" required maxLength={100} value={name} onChange={setName} />
        <FormError error={make.error} />
        <Button kind="primary" type="submit" busy={make.isPending}>
          Make organisation
        </Button>
      </form>
    </Card>
  );
}
