"""Every code an error of the gateway can carry, as the page docs/reference/errors.md tells it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """A stable code: programs may rely on it; the message is for people and may change."""

    status: int
    code: str
    meaning: str
    next_step: str


ERROR_CODES = (
    ErrorCode(400, "invalid_request", "The body or a header is malformed.", "Correct what `param` names."),
    ErrorCode(
        400,
        "unsupported_parameter",
        "No target can honour the parameter that `param` names.",
        "Leave it out, or send `x-llmgateway-unsupported: drop`.",
    ),
    ErrorCode(
        400, "context_length_exceeded", "The prompt does not fit the model.", "Shorten it, or ask a larger model."
    ),
    ErrorCode(400, "content_filter", "The provider refused the content.", "Change it. It is never sent elsewhere."),
    ErrorCode(400, "policy_violation", "A policy of the organisation refused it.", "Ask the owner of the policy."),
    ErrorCode(400, "credential_refused", "The provider does not take the credential.", "Check it, send it again."),
    ErrorCode(400, "invalid_signature", "The event is not signed as Stripe signs ours.", "Check the webhook's secret."),
    ErrorCode(401, "invalid_api_key", "The key is missing, unknown, revoked or expired.", "Send a valid key."),
    ErrorCode(401, "invalid_token", "The access or refresh token is missing or not valid.", "Log in, or refresh."),
    ErrorCode(401, "invalid_credentials", "The address or the password is not right.", "Try again, or reset it."),
    ErrorCode(401, "mfa_required", "The account has a second factor.", "Send `code` with the login."),
    ErrorCode(401, "invalid_code", "The one-time code is not right, or was used.", "Send the newest one."),
    ErrorCode(402, "plan_limit", "The plan has no room for one more.", "Choose a larger plan."),
    ErrorCode(
        402,
        "quota_exceeded",
        "The plan's quota has no room for the request.",
        "Wait for `resets_at`, or change the plan.",
    ),
    ErrorCode(402, "budget_exceeded", "A money budget has no room.", "Wait for `resets_at`, or raise the budget."),
    ErrorCode(
        402,
        "insufficient_credit",
        "The prepaid credit has no room for the request.",
        "Buy credit or a plan, or use a provider key of your own.",
    ),
    ErrorCode(
        402,
        "unpriced_model",
        "A money budget cannot hold a model whose price is unknown.",
        "Give the target a `price`: in gateway.yaml, or on your own credential in a route; or ask another model.",
    ),
    ErrorCode(403, "permission_denied", "Your role may not do this.", "Ask an owner or admin."),
    ErrorCode(403, "email_not_verified", "The address was not confirmed yet.", "Follow the link in the mail."),
    ErrorCode(403, "wrong_password", "The current password is not right.", "Send the right one."),
    ErrorCode(403, "signup_closed", "Signing up is not open here.", "Ask for an invitation."),
    ErrorCode(403, "organisation_closed", "The organisation is suspended or being deleted.", "Ask its owner."),
    ErrorCode(403, "foreign_origin", "The request came from another site's page.", "Use our own pages, or a tool."),
    ErrorCode(403, "scope_denied", "The key may not use this endpoint.", "Use a key with the scope."),
    ErrorCode(403, "model_not_allowed", "The key may not use this model.", "Ask a model from `/v1/models`."),
    ErrorCode(
        403,
        "stored_object",
        "The call names what is stored in the shared account.",
        "Send it, or use a credential of your own.",
    ),
    ErrorCode(403, "address_denied", "The key may not be used from this address.", "Call from an allowed one."),
    ErrorCode(
        404,
        "model_not_found",
        "No alias or configured provider has this name.",
        "See `/v1/models`; where a credential is missing, the message names its variable.",
    ),
    ErrorCode(404, "not_found", "There is no such thing for this key.", "Check the path and the id."),
    ErrorCode(404, "response_not_stored", "Responses are not kept to be fetched later.", "Keep the answer itself."),
    ErrorCode(405, "method_not_allowed", "The path has no such method.", "Use the method of the `allow` header."),
    ErrorCode(
        408,
        "request_timeout",
        "The headers took longer than a minute, or the body came at less than 1 KiB a second.",
        "Send it again, over a better network.",
    ),
    ErrorCode(409, "conflict", "It exists already, or its state forbids this.", "Look again, then decide."),
    ErrorCode(409, "last_owner", "The last owner of an organisation cannot go.", "Make another owner first."),
    ErrorCode(409, "stripe_refused", "Stripe says no, and why.", "Correct what it names."),
    ErrorCode(
        409,
        "plan_changed",
        "The change of plan was shown for another plan than holds now, or long ago.",
        "`GET /api/v1/orgs/{org}/billing/change`, then decide.",
    ),
    ErrorCode(
        409,
        "subscription_runs",
        "An organisation that pays on cannot be deleted.",
        "Change to the plan Free on its billing page first.",
    ),
    ErrorCode(
        409,
        "credit_left",
        "Prepaid credit would be lost with the organisation; the message says how much.",
        "Use it, ask the operator for it back, or delete with `?give_up_credit=true`.",
    ),
    ErrorCode(
        409,
        "stripe_not_configured",
        "This gateway takes no payments; to Stripe's own events it says so with 400.",
        "Have its operator set the variables of Stripe.",
    ),
    ErrorCode(
        413, "body_too_large", "The body is over 25 MiB, packed or not, or has over 400,000 values.", "Send less."
    ),
    ErrorCode(415, "unsupported_encoding", "The body's `content-encoding` is not taken.", "Send gzip, or no encoding."),
    ErrorCode(429, "rate_limit_exceeded", "A limit of requests or tokens is reached.", "Wait for `retry-after`."),
    ErrorCode(429, "concurrency_exceeded", "Too many requests, or too large ones, are open.", "Wait for one to end."),
    ErrorCode(431, "headers_too_large", "The headers are over 32 KiB.", "Send fewer."),
    ErrorCode(500, "internal_error", "A fault of the gateway itself.", "Report it with the answer's `x-request-id`."),
    ErrorCode(
        502,
        "upstream_failed",
        "The providers failed. Where all failed alike, the status is theirs.",
        "See `attempts`; try again later.",
    ),
    ErrorCode(503, "no_target", "No target could be asked.", "Wait for `retry-after`."),
    ErrorCode(
        503,
        "store_unavailable",
        "The store of keys, limits or usage cannot be reached, and this request may not pass without it.",
        "Try again; see `/readyz`.",
    ),
    ErrorCode(
        503,
        "stripe_unavailable",
        "Stripe does not answer. Where only its answer was lost, what was asked for is done.",
        "Wait for `retry-after`, and look at the plan before a change is repeated.",
    ),
    ErrorCode(503, "draining", "This process is about to end.", "Try again: another one takes over."),
)
