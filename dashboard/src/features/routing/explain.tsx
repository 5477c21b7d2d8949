import { useQuery } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";

import { Badge } from "@/components/badge";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { AreaField, TextField } from "@/components/field";
import { FormError } from "@/components/states";
import { query, type Schema } from "@/lib/api/client";
import { count, dollars } from "@/lib/format";
import { useOrg } from "@/lib/me";
import { modelsOptions } from "@/lib/org_queries";

/** Who would be asked, and why; nothing is sent. */
export function Explain() {
  const org = useOrg();
  const [model, setModel] = useState("");
  const [prompt, setPrompt] = useState("Hello");
  const models = useQuery(modelsOptions(org.slug)).data?.data ?? [];
  const explain = query.useMutation("post", "/api/v1/orgs/{org}/routes/explain");
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    explain.mutate({
      params: { path: { org: org.slug } },
      body: { model, messages: [{ role: "user", content: prompt }] },
    });
  };
  return (
    <Card title="Explain a request, without sending it">
      <form className="flex flex-col gap-4" onSubmit={submit}>
        <div className="grid items-start gap-4 sm:grid-cols-2">
          <TextField label="Model" list="models" required placeholder="smart" value={model} onChange={setModel} />
          <AreaField label="Prompt" rows={2} value={prompt} onChange={setPrompt} />
        </div>
        <datalist id="models">
          {models.map((one) => (
            <option key={one.id} value={one.id} />
          ))}
        </datalist>
        <FormError error={explain.error} />
        <Button type="submit" className="self-start" busy={explain.isPending}>
          Explain
        </Button>
      </form>
      {explain.data ? <Plan of={explain.data} /> : null}
    </Card>
  );
}

/** Cooled in a process that serves requests: it moves to the end there. */
const ILL = /^(half_)?open/;

function Plan({ of: plan }: { of: Schema["Explanation"] }) {
  return (
    <div className="appear mt-4 border-t border-line pt-4 text-table">
      <p className="mb-3 text-muted">
        {count(plan.prompt_tokens)} prompt tokens{plan.strategy ? `, strategy ${plan.strategy}` : ""}
        {plan.needs.length > 0 ? `, needs ${plan.needs.join(", ")}` : ""}.
      </p>
      <ol className="flex flex-col gap-2">
        {plan.plan.map((step, place) => (
          <li key={`${step.target} ${step.credential}`} className="flex flex-wrap items-center gap-2">
            <Badge tone={place === 0 ? "good" : "plain"}>{place + 1}</Badge>
            <span className="font-medium">{step.target}</span>
            <span className="text-muted">{step.why}</span>
            {ILL.test(step.health) ? <Badge tone="soon">{step.health}</Badge> : null}
            <span className="tabular ml-auto text-faint">about {dollars(step.expected_cost_usd)}</span>
          </li>
        ))}
        {plan.passed_over.map((step) => (
          <li key={step.target} className="flex flex-wrap items-center gap-2 text-faint">
            <Badge>passed over</Badge>
            <span className="line-through">{step.target}</span> {step.why}
          </li>
        ))}
      </ol>
    </div>
  );
}
