import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { Button } from "@/components/button";
import { download } from "@/components/csv";
import { ChoiceField } from "@/components/field";
import { useTell } from "@/components/toast";
import { monthsBefore } from "@/features/billing/months";
import { api } from "@/lib/api/client";
import { wordsOf } from "@/lib/api/errors";
import { useOrg } from "@/lib/me";

/** The books of one month, as a file. */
export function Statement() {
  const org = useOrg();
  const tell = useTell();
  const [months] = useState(() => monthsBefore(new Date()));
  const [chosen, setChosen] = useState(months[0]?.name ?? "");
  const save = async (): Promise<void> => {
    const month = months.find((one) => one.name === chosen);
    try {
      const { data } = await api.GET("/api/v1/orgs/{org}/billing/statement", {
        params: { path: { org: org.slug }, query: month?.span ?? {} },
        parseAs: "text",
      });
      download(`statement-${org.slug}-${chosen}.csv`, String(data));
    } catch (error) {
      tell(wordsOf(error));
    }
  };
  return (
    <div className="flex flex-col items-start gap-3">
      <p className="text-muted">
        Every line of your books, to the nano-dollar: what was charged hour by hour, credit, invoices, refunds.{" "}
        <Link to="/o/$org/requests" params={{ org: org.slug }} className="text-accent underline underline-offset-2">
          Requests
        </Link>{" "}
        show what each of them cost.
      </p>
      <div className="flex items-end gap-2">
        <ChoiceField
          label="Month (UTC)"
          value={chosen}
          choices={months.map(({ name, title }) => [name, title] as const)}
          onChange={setChosen}
        />
        <Button onClick={() => void save()}>Download as CSV</Button>
      </div>
    </div>
  );
}
