"""A request explained: its event as GET /v1/requests/{id} shows it, with the plan, the attempts and the money in words."""

from collections.abc import Iterator

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.contract.usage import Attempt, Outcome, UsageEvent, saved_nanos
from llmgateway.kit.money import usd, usd_or_none

_SHOWN = (
    "id", "org_id", "key_id", "project_id", "created_at", "operation", "dialect", "model", "provider", "served_model",
    "outcome", "status", "error_code", "error_message", "stream", "prompt_tokens", "completion_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "usage_details", "price_version", "usage_source", "cache", "test", "duration_ms",
    "first_token_ms", "tags",
)  # fmt: skip
_ENDS = {
    Outcome.FINISHED: "The answer was given whole",
    Outcome.FAILED: "The request failed",
    Outcome.ABANDONED: "The caller left",
    Outcome.REFUSED: "The gateway refused the request",
}


def explain(event: UsageEvent) -> Json:
    """What happened, why, and what it cost. Money is decimal strings of dollars; `saved_usd` is what routing and cache saved."""
    shown: Json = {name: getattr(event, name) for name in _SHOWN}
    return {
        **shown,
        "tokens": _by_class(event),
        "cost_usd": usd_or_none(event.cost_nanos),
        "charge_usd": usd_or_none(event.charge_nanos),
        "list_cost_usd": usd_or_none(event.list_cost_nanos),
        "saved_usd": usd_or_none(_saved(event)),
        "plan": [msgspec.structs.asdict(step) for step in event.plan],
        "attempts": [msgspec.structs.asdict(attempt) for attempt in event.attempts],
        "explanation": list(_sentences(event)),
    }


def _saved(event: UsageEvent) -> int | None:
    return saved_nanos(event.cost_nanos, event.list_cost_nanos, test=event.test)


def _by_class(event: UsageEvent) -> Json:
    """Tokens as they are priced: the classes add up to prompt and completion."""
    return {
        "input": max(0, event.prompt_tokens - event.cached_tokens - event.cache_write_tokens),
        "cached_input": event.cached_tokens,
        "cache_write": event.cache_write_tokens,
        "output": max(0, event.completion_tokens - event.reasoning_tokens),
        "reasoning": event.reasoning_tokens,
    }


def _sentences(event: UsageEvent) -> Iterator[str]:
    # A target stands in the plan once for each of its credentials.
    candidates = dict.fromkeys(f"{step.target} ({step.why})" for step in event.plan if not step.passed_over)
    if candidates:
        yield f"{event.model} was planned as {', then '.join(candidates)}."
    for step in event.plan:
        if step.passed_over:
            yield f"{step.target} was passed over: {step.why}."
    for number, attempt in enumerate(event.attempts, 1):
        yield f"Attempt {number}: {_attempted(attempt)}."
    yield _end(event)
    if event.error_message:
        yield f"The caller was told: {event.error_message}"


def _attempted(attempt: Attempt) -> str:
    asked = f"{attempt.provider}/{attempt.model}"
    if attempt.outcome == "ok":
        return f"{asked} answered after {attempt.milliseconds:,} ms"
    status = "" if attempt.status is None or attempt.status < 300 else f" with {attempt.status}"
    said = f": {attempt.message.rstrip('.')}" if attempt.message else ""
    return f"{asked} failed{status} after {attempt.milliseconds:,} ms ({attempt.outcome}{said})"


def _end(event: UsageEvent) -> str:
    served = (
        f" by {event.provider}/{event.served_model}" if event.provider and event.outcome is Outcome.FINISHED else ""
    )
    cached = " from the cache" if event.cache == "hit" else ""
    code = f" with {event.status} {event.error_code}" if event.error_code else ""
    cost = "it has no price" if event.cost_nanos is None else f"it cost ${usd(event.cost_nanos)}"
    saved = _saved(event)
    instead = f", instead of ${usd(event.list_cost_nanos)}" if saved and event.list_cost_nanos is not None else ""
    return f"{_ENDS[event.outcome]}{cached or served}{code} after {event.duration_ms:,} ms; {cost}{instead}."
