import { ChoiceField, TextField } from "@/components/field";
import { aboutIt } from "@/lib/api/errors";
import type { BudgetDraft } from "@/lib/budgets";

interface Props {
  draft: BudgetDraft;
  onChange: (part: Partial<BudgetDraft>) => void;
  /** Of the last attempt to save it. */
  error: unknown;
  /** Fields that an admin set, where whoever is here may only lower them. */
  held?: ReadonlySet<string>;
}

const NOTHING: ReadonlySet<string> = new Set();

const AMOUNTS = [
  ["dayUsd", "day_usd", "A day"],
  ["monthUsd", "month_usd", "A month"],
  ["totalUsd", "total_usd", "In all"],
] as const;

/** Fields of the API that say themselves what is wrong with them. */
export const BUDGETS_TOLD = AMOUNTS.map(([, field]) => field);

/** Money that a key, a project or an organisation may cost. */
export function BudgetFields({ draft, onChange, error, held = NOTHING }: Props) {
  return (
    <fieldset>
      <legend className="mb-2 text-table font-semibold">
        Budget in dollars <span className="font-normal text-faint">Empty: none.</span>
      </legend>
      <div className="grid grid-cols-2 gap-4 sm:grid-cols-3">
        {AMOUNTS.map(([name, field, label]) => (
          <TextField
            key={name}
            label={label}
            inputMode="decimal"
            value={draft[name]}
            onChange={(value) => onChange({ [name]: value })}
            error={aboutIt(error, field)}
            hint={held.has(field) ? "An admin set it: you may lower it." : undefined}
          />
        ))}
        <div className="col-span-full max-w-72">
          <ChoiceField
            label="When it is spent"
            hint={
              held.has("mode")
                ? "An admin set a hard budget, and can make it soft."
                : "A hard budget may be overshot by the answers that run when its room ends: they are not cut."
            }
            disabled={held.has("mode")}
            value={draft.mode}
            choices={[
              ["hard", "Hard: refuse requests"],
              ["soft", "Soft: only tell us by mail"],
            ]}
            onChange={(mode) => onChange({ mode })}
          />
        </div>
      </div>
    </fieldset>
  );
}
