"""UsageEvent: what one request did. It comes up from the data plane, through the journal, into PostgreSQL."""

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
    """The gateway said no after the key was known."""


CRASHED: Final = "gateway_crashed"
"""The error code of a request whose end nobody saw, because its process died."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attempt at one target."""

    provider: str
    model: str
    status: int | None = None
    outcome: str
    """`ok`, or a FailureKind."""
    milliseconds: int
    """Until the whole answer, the failure, or the first content of a stream."""
    first_token_milliseconds: int | None = None
    message: str = ""
    credential: str | None = None
    """The organisation's own that it was asked with, by its id; None is the installation's."""


class PlannedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate of a request's plan, in its place."""

    target: str
    """`provider/model`."""
    why: str
    """Why it stands here, or why it was passed over."""
    passed_over: bool = False


LACKING: Final = " without a price for "
"""In a `price_version`, before what is not in the cost."""
TOLD_BY: Final = "told by "
"""What a `price_version` begins with where the provider told its bill."""


def price_version(version: str, lacking: Sequence[str]) -> str:
    """What an event says of its price: the version of the prices, and what of its usage they lack."""
    return version + LACKING + ", ".join(lacking) if lacking else version


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
    """As the caller asked for it."""
    provider: str | None = None
    """Who served it; None when nobody did."""
    served_model: str | None = None
    outcome: Outcome
    status: int
    """HTTP status that the caller saw, or would have seen (499 for a caller who left before any)."""
    error_code: str | None = None
    error_message: str | None = None
    """What the caller was told, where that was no answer."""
    stream: bool = False
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    usage_details: Mapping[str, int | str] | None = None
    """What else the price is made of: `{"searches": 2, "tier": "flex"}`, and `credential`, as in an Attempt; None is nothing."""
    cost_nanos: int | None = None
    """What the provider bills for it."""
    charge_nanos: int | None = None
    """What the org is charged for it."""
    list_cost_nanos: int | None = None
    """What the asked-for model would have cost at list price."""
    price_version: str | None = None
    """The prices that made the cost, and what they lack: `genai-prices 0.2.3+192eb0ca without a price for searches`."""
    usage_source: UsageSource = UsageSource.PROVIDER
    cache: str = "bypass"
    test: bool = False
    duration_ms: int = 0
    first_token_ms: int | None = None
    attempts: tuple[Attempt, ...] = ()
    plan: tuple[PlannedTarget, ...] = ()
    """The candidates in order, then those that were passed over."""
    tags: tuple[str, ...] = ()

    @property
    def is_priced(self) -> bool:
        """Whether all that it used has a price."""
        return self.cost_nanos is not None and LACKING not in (self.price_version or "")

    @property
    def used(self) -> Usage:
        """What its price is made of, as far as it is kept: not what a provider told as its bill, nor rounds apart."""
        figures = (
            *("prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens"),
            "reasoning_tokens",
        )
        return msgspec.convert({name: getattr(self, name) for name in figures} | dict(self.usage_details or {}), Usage)


class OpenRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag="open"):
    """Written to the journal before the first byte goes upstream. Without its close it is billed as an estimate."""

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
    """Counted or estimated prompt."""
    cost_nanos: int | None
    """Price of that prompt, None when unpriced."""
    charge_nanos: int | None
    price_version: str | None
    wished: Mapping[str, int | str] | None = None
    """The terms that the price is of, as in `usage_details`; None is the usual ones."""
    credential: str | None = None
    """As in an Attempt."""
    test: bool = False
    tags: tuple[str, ...] = ()


class CloseRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="close"):
    """The request is over; the event is its truth. Refusals have a close without an open."""

    event: UsageEvent


JournalRecord = OpenRecord | CloseRecord
