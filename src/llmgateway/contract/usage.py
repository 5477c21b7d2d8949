"""UsageEvent: what one request did. The data plane writes it to the journal, from where it is shipped to PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from llmgateway.canon.usage import Usage, UsageSource


class Outcome(StrEnum):
    """How a request ended."""

    FINISHED = "finished"
    """The whole answer was seen to its end."""
    FAILED = "failed"
    """The providers failed, or the stream was cut."""
    ABANDONED = "abandoned"
    """The caller left."""
    REFUSED = "refused"
    """The gateway refused the request after its key was known."""


CRASHED: Final = "gateway_crashed"
"""The error code of a request whose process died before its end."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt at one target."""

    provider: str
    model: str
    status: int | None = None
    outcome: str
    """`ok`, or a FailureKind."""
    milliseconds: int
    """Milliseconds until the whole answer, the failure, or the first content of a stream."""
    first_token_milliseconds: int | None = None
    message: str = ""
    credential: str | None = None
    """The id of the organisation's own credential that was used; None for the installation's."""


class PlannedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A target of a request's plan, in the order of the plan."""

    target: str
    """`provider/model`."""
    why: str
    """Why it has this place, or why it was passed over."""
    passed_over: bool = False


_COUNTS: Final = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
)
"""Fields of a Usage that events have too; the other figures are `usage_details`."""
LACKING: Final = " without a price for "
"""In a `price_version`: comes before what the cost leaves out."""


def price_version(version: str, lacking: Sequence[str]) -> str:
    """The `price_version` of an event: the version of the prices, and the parts of the usage that have no price."""
    return version + LACKING + ", ".join(lacking) if lacking else version


def saved_nanos(cost: int | None, list_cost: int | None, *, test: bool) -> int | None:
    """What routing and the cache saved, in nano-dollars: the list price of what was asked for less the cost of what served.

    Less than 0 when the fallback was dearer. None where either has no price, and for test traffic, which saves nothing.
    """
    return None if test or cost is None or list_cost is None else list_cost - cost


class UsageEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One request. Money is integer nano-dollars; None is unpriced. Times are milliseconds."""

    id: str
    """`req_...`: the x-request-id, the ticket's id, and (by its UUIDv7) the time of the request."""
    org_id: str
    key_id: str
    project_id: str | None
    created_at: datetime
    operation: str
    dialect: str
    model: str
    """The model as the caller named it."""
    provider: str | None = None
    """The provider that served the request, or was the last to fail it; None when none was asked."""
    served_model: str | None = None
    outcome: Outcome
    status: int
    """The HTTP status of the answer; 499 when the caller left before there was one."""
    error_code: str | None = None
    error_message: str | None = None
    """The error message that the caller got instead of an answer."""
    stream: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    usage_details: Mapping[str, int | str] | None = None
    """Further figures that the price depends on, such as `{"searches": 2, "tier": "flex"}`; `credential` as in an Attempt; and where
    a part has no price, the tariff that it is charged by once it has one."""
    cost_nanos: int | None = None
    """What the provider bills for the request."""
    charge_nanos: int | None = None
    """What the organisation is charged for the request."""
    list_cost_nanos: int | None = None
    """What the requested model would have cost at its own list price."""
    price_version: str | None = None
    """The prices that the cost comes from, and what has none: `genai-prices 0.2.3+192eb0ca without a price for searches`."""
    usage_source: UsageSource = UsageSource.PROVIDER
    cache: str = "bypass"
    test: bool = False
    duration_ms: int = 0
    first_token_ms: int | None = None
    attempts: tuple[Attempt, ...] = ()
    plan: tuple[PlannedTarget, ...] = ()
    """The targets in order, then those that were passed over."""
    tags: tuple[str, ...] = ()

    @property
    def is_priced(self) -> bool:
        """Whether all that the request used has a price."""
        return self.cost_nanos is not None and LACKING not in (self.price_version or "")

    @property
    def used(self) -> Usage:
        """The usage as far as the event keeps it: without the cost that a provider reported, and without rounds."""
        details = {name: getattr(self, name) for name in _COUNTS} | dict(self.usage_details or {})
        return msgspec.convert(details, Usage)


class OpenRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="open"):
    """Written to the journal before the first byte goes upstream. If no close record follows, it is billed as an estimate."""

    id: str
    org_id: str
    key_id: str
    project_id: str | None
    operation: str
    dialect: str
    model: str
    provider: str
    served_model: str
    stream: bool
    prompt_tokens: int
    """The prompt's tokens, as the gateway counted them."""
    cost_nanos: int | None
    """What the prompt costs; None when unpriced."""
    charge_nanos: int | None
    price_version: str | None
    wished: Mapping[str, int | str] | None = None
    """The terms that were asked for and priced (tier, speed, region), and the tariff, as in `usage_details`; None for the standard ones."""
    credential: str | None = None
    """As in an Attempt."""
    test: bool = False
    tags: tuple[str, ...] = ()


class CloseRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="close"):
    """Written to the journal when the request is over. A refused request has a close record and no open record."""

    event: UsageEvent


JournalRecord = OpenRecord | CloseRecord
