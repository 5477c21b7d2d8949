import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Button } from "@/components/button";
import { Dialog } from "@/components/dialog";
import { ChoiceField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { useTell } from "@/components/toast";
import { namesOfFile, wrongName } from "@/features/routing/aliases";
import { TargetFields } from "@/features/routing/target_fields";
import { NEW_TARGET, toldTarget, typedTargets } from "@/features/routing/targets";
import { query, type Schema } from "@/lib/api/client";
import { aboutIt, isAbout, wordsOf } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";
import { modelsOptions, routesOptions } from "@/lib/org_queries";
import { typedNumber } from "@/lib/typed";

type Route = Schema["RouteShown"];
type Strategy = Route["strategy"];

const STRATEGIES: readonly (readonly [Strategy, string])[] = [
  ["priority", "Priority: in this order"],
  ["weighted", "Weighted: by their weights"],
  ["cheapest", "Cheapest first"],
  ["fastest", "Fastest first"],
];

interface Props {
  of?: Route;
  onClose: () => void;
  /** Rather change the alias that has the name already. */
  onEdit: (route: Route) => void;
}

interface Check {
  wrong: string | null;
  /** The alias that has the name. */
  taken?: Route;
  hint?: string;
}

/** Whether a new alias can have this name, and what it will stand before. */
function useNameCheck(alias: string, isEdited: boolean, models: readonly Schema["ModelShown"][]): Check {
  const own = useQuery(routesOptions(useOrg().slug)).data?.data ?? [];
  if (isEdited) return { wrong: null };
  const taken = own.find((one) => one.alias === alias);
  if (taken) return { wrong: "An alias of this name is here already.", taken };
  const wrong = wrongName(alias);
  if (!namesOfFile(own, models).includes(alias)) return { wrong };
  return { wrong, hint: "It will stand before the alias of this name in gateway.yaml." };
}

/** Makes an alias, or changes what it stands for. */
export function RouteForm({ of: route, onClose, onEdit }: Props) {
  const org = useOrg();
  const tell = useTell();
  const queries = useQueryClient();
  const [alias, setAlias] = useState(route?.alias ?? "");
  const [strategy, setStrategy] = useState<Strategy>(route?.strategy ?? "priority");
  const [retries, setRetries] = useState(route?.retries?.toString() ?? "");
  const [targets, setTargets] = useState(() => (route ? typedTargets(route.targets) : [NEW_TARGET]));
  const models = useQuery(modelsOptions(org.slug)).data?.data ?? [];
  const { wrong, taken, hint } = useNameCheck(alias, route !== undefined, models);
  const save = query.useMutation("put", "/api/v1/orgs/{org}/routes/{alias}", {
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["get", "/api/v1/orgs/{org}/routes"] });
      await queries.invalidateQueries({ queryKey: modelsOptions(org.slug).queryKey });
      tell(`${alias} is saved; it holds from the next request on`);
      onClose();
    },
  });
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (wrong) return;
    save.mutate({
      params: { path: { org: org.slug, alias } },
      body: {
        strategy,
        retries: typedNumber(retries),
        targets: targets.map(toldTarget),
        timeouts: route?.timeouts ?? {},
      },
    });
  };
  return (
    <Dialog open wide onClose={onClose} title={route ? `Edit ${route.alias}` : "New alias"}>
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <div className="grid gap-4 sm:grid-cols-[1fr_15rem_8rem]">
          <TextField
            label="Alias"
            required
            disabled={route !== undefined}
            placeholder="smart"
            maxLength={100}
            value={alias}
            onChange={setAlias}
            error={wrong}
            hint={hint}
          />
          <ChoiceField label="Strategy" value={strategy} choices={STRATEGIES} onChange={setStrategy} />
          <TextField
            label="Retries"
            hint="Empty: the gateway's."
            inputMode="numeric"
            value={retries}
            onChange={setRetries}
            error={aboutIt(save.error, "retries")}
          />
        </div>
        {taken ? (
          <Button className="self-start" onClick={() => onEdit(taken)}>
            Edit {taken.alias} instead
          </Button>
        ) : null}
        <TargetFields
          targets={targets}
          onChange={setTargets}
          weighted={strategy === "weighted"}
          known={models.filter((one) => one.id.includes("/")).map((one) => one.id)}
          error={isAbout(save.error, "targets") ? wordsOf(save.error) : null}
        />
        <FormError error={save.error} told={["retries", "targets"]} />
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button kind="primary" type="submit" busy={save.isPending} disabled={wrong !== null}>
            Save alias
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
