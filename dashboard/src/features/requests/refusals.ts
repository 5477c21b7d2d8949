import type { Permission } from "@/lib/me";

/** Where what refused a request is seen and changed. */
export interface Place {
  title: string;
  to: string;
  needs: Permission;
}

interface Refusal {
  /** What it means, in a sentence. */
  means: string;
  /** What to do about it. */
  todo: string;
  places?: readonly Place[];
}

const KEYS: Place = { title: "Keys", to: "/o/$org/keys", needs: "keys:read" };
const BUDGETS: Place = { title: "Budgets", to: "/o/$org/budgets", needs: "projects:read" };
const BILLING: Place = { title: "Billing", to: "/o/$org/billing", needs: "billing:read" };
const ROUTES: Place = { title: "Routes", to: "/o/$org/routes", needs: "routes:read" };
const MODELS: Place = { title: "Models", to: "/o/$org/models", needs: "keys:read" };
const SETTINGS: Place = { title: "Settings", to: "/o/$org/settings", needs: "org:read" };

const REFUSALS: Readonly<Record<string, Refusal>> = {
  rate_limit_exceeded: {
    means: "A limit of requests or tokens a minute was reached: the key's own, its project's, or the plan's.",
    todo: "Wait for the seconds of its retry-after header, or raise the limit.",
    places: [KEYS, BILLING],
  },
  concurrency_exceeded: {
    means: "The key had as many requests open at once as it may.",
    todo: "Wait for one of them to end, or raise the limit of the key.",
    places: [KEYS],
  },
  budget_exceeded: {
    means:
      "A budget had no room left for what this request could cost: the key's, its project's, or the organisation's.",
    todo: "Wait until the budget begins anew, or raise it.",
    places: [KEYS, BUDGETS],
  },
  quota_exceeded: {
    means: "The plan has too few requests or tokens left; or, with a 429, held by requests that still ran.",
    todo: "Wait for the next period, allow some use beyond the plan, or change the plan.",
    places: [BILLING],
  },
  insufficient_credit: {
    means: "The credit paid in advance had no room for what this request could cost.",
    todo: "Add credit, or use a provider key of your own.",
    places: [BILLING],
  },
  unpriced_model: {
    means: "The price of this model is not known, so that a budget of money cannot hold it.",
    todo: "Ask another model, or have the operator give it a price.",
    places: [MODELS, BUDGETS],
  },
  model_not_allowed: {
    means: "The key, or the organisation's policy, does not allow this model.",
    todo: "Ask a model that is allowed, or allow this one.",
    places: [KEYS, SETTINGS],
  },
  model_not_found: {
    means: "No alias and no configured provider has this name.",
    todo: "Look the name up, or give the provider a credential.",
    places: [MODELS, ROUTES],
  },
  scope_denied: {
    means: "The key may not use this endpoint.",
    todo: "Use a key with the scope, or give it to this one.",
    places: [KEYS],
  },
  address_denied: {
    means: "The key may not be used from the address that this came from.",
    todo: "Call from an allowed address, or allow this one.",
    places: [KEYS],
  },
  policy_violation: {
    means:
      "A rule of the organisation's policy refused what was sent: a blocked word or pattern, or too long a prompt.",
    todo: "Change the request, or the policy.",
    places: [SETTINGS],
  },
  invalid_request: {
    means: "The body or a header was not well formed, or a value was out of its range.",
    todo: "Mend what the answer named in error.param, and send it again.",
  },
  unsupported_parameter: {
    means: "No target of this model can honour one of the parameters; the answer named it in error.param.",
    todo: "Leave it out, or send the header x-llmgateway-unsupported: drop.",
    places: [ROUTES],
  },
  context_length_exceeded: {
    means: "The prompt, with the answer that was asked for, does not fit the model.",
    todo: "Shorten it, or ask a model with a larger window.",
    places: [MODELS],
  },
  content_filter: {
    means: "The provider refused the content. Such a request is never sent to another one.",
    todo: "Change what is asked.",
  },
  body_too_large: { means: "The body was larger than the gateway takes.", todo: "Send less, or smaller files." },
  upstream_failed: {
    means: "Every provider that was asked failed.",
    todo: "The attempts say how. Try again later, or give the route another target.",
    places: [ROUTES],
  },
  no_target: {
    means: "No target could be asked: all are cooled down after failures, or none fits what was asked.",
    todo: "Wait for the seconds of its retry-after header, or give the route another target.",
    places: [ROUTES],
  },
  store_unavailable: {
    means: "The store of keys, limits or usage could not be reached, and this request may not pass without it.",
    todo: "Try again; if it lasts, tell the operator.",
  },
  draining: { means: "The process was about to end.", todo: "Try again: another one takes over." },
  internal_error: { means: "The gateway itself made a mistake.", todo: "Tell the operator the id of this request." },
};

/** What a request's error means and what to do; null for a code that has no words yet. */
export function refusalOf(code: string | null): Refusal | null {
  return code !== null && Object.hasOwn(REFUSALS, code) ? (REFUSALS[code] ?? null) : null;
}
