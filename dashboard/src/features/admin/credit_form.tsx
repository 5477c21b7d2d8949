import { useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { query, type Schema } from "@/lib/api/client";
import { typedDollars } from "@/lib/typed";

type Way = "give" | "take";

/** Credit that was paid for elsewhere, or is a present; or such that is taken back. Each reference is booked once. */
export function CreditForm({ org }: { org: Schema["AdminOrg"] }) {
  const tell = useTell();
  const queries = useQueryClient();
  const [way, setWay] = useState<Way>("give");
  const [usd, setUsd] = useState("");
  const [reference, setReference] = useState("");
  const [note, setNote] = useState("");
  const give = query.useMutation("post", "/api/v1/admin/orgs/{org_id}/credit", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/admin/orgs/{org_id}"] });
      tell(way === "give" ? `${org.name} has the credit` : `${org.name} has the credit no more`);
      setWay("give");
      setUsd("");
      setReference("");
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const body = { usd: typedDollars(usd) ?? "", reference, note, takes_back: way === "take" };
    give.mutate({ params: { path: { org_id: org.id } }, body });
  };
  return (
    <form className="mt-4 flex flex-col gap-3 border-t border-line pt-4" onSubmit={submit}>
      <div className="grid gap-3 sm:grid-cols-3">
        <ChoiceField
          label="Credit"
          value={way}
          choices={[
            ["give", "Give"],
            ["take", "Take back"],
          ]}
          onChange={setWay}
        />
        <TextField label="In dollars" inputMode="decimal" required value={usd} onChange={setUsd} />
        <TextField label="Reference" hint="Booked once." required value={reference} onChange={setReference} />
      </div>
      <TextField label="What its statement says" required value={note} onChange={setNote} />
      <FormError error={give.error} />
      <div className="flex justify-end">
        <Button type="submit" busy={give.isPending}>
          {way === "give" ? "Give credit" : "Take credit back"}
        </Button>
      </div>
    </form>
  );
}
