"""What is said about usage. Money is decimal strings of dollars; null is unpriced."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from llmgateway.controlplane.reception.bodies import Instant, Shown


class RequestShown(Shown):
    """One request."""

    id: str
    created_at: datetime
    key_id: str
    project_id: str | None
    operation: str
    dialect: str
    model: str
    provider: str | None
    served_model: str | None
    outcome: str
    status: int
    error_code: str | None
    error_message: str | None = Field(description="What the caller was told, where that was no answer.")
    stream: bool
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    usage_details: dict[str, int | str] | None = Field(
        description="What else the price is made of, such as `searches`, `audio_prompt_tokens`, `tier`, and `credential`: the "
        "organisation's own that it went out on; where a part has no price, `markup_ppm` and `request_fee_nanos`, by which it is "
        "charged once it has one. Null is nothing."
    )
    cost_usd: str | None
    charge_usd: str | None
    list_cost_usd: str | None
    saved_usd: str | None
    price_version: str | None
    usage_source: str
    cache: str
    test: bool
    duration_ms: int
    first_token_ms: int | None
    tags: list[str]


class PlanStep(Shown):
    """A candidate of the plan, in its place."""

    target: str = Field(description="`provider/model`.")
    why: str = Field(description="Why it stands here, or why it was passed over.")
    passed_over: bool = False


class AttemptShown(Shown):
    """One attempt at one target."""

    provider: str
    model: str
    status: int | None = None
    outcome: str = Field(description="`ok`, or the kind of failure.")
    milliseconds: int = Field(description="Until the whole answer, the failure, or the first content of a stream.")
    first_token_milliseconds: int | None = None
    message: str = ""


class RequestExplained(RequestShown):
    """With its plan and attempts."""

    plan: list[PlanStep]
    attempts: list[AttemptShown]


OutcomeWish = Literal["finished", "failed", "abandoned", "refused"]


class UsageWish(BaseModel):
    """Which requests."""

    model_config = ConfigDict(populate_by_name=True)

    model: str | None = Field(None, max_length=200)
    provider: str | None = Field(None, max_length=100)
    key_id: str | None = Field(None, max_length=100)
    project_id: str | None = Field(None, max_length=100)
    outcome: OutcomeWish | None = None
    tag: str | None = Field(None, max_length=200)
    test: bool | None = Field(None, description="Only test traffic, or only live.")
    since: Instant | None = Field(None, alias="from")
    until: Instant | None = Field(None, alias="to")
    format: Literal["json", "csv"] = Field(
        "json", description="csv is a file of up to 10,000 requests; its header `x-next-cursor` tells of more."
    )


class SumsWish(BaseModel, frozen=True):
    """What to sum up, and by what."""

    model_config = ConfigDict(populate_by_name=True)

    since: Instant | None = Field(
        None, alias="from", description="Rounded down to a whole hour. Default: a day before the end."
    )
    until: Instant | None = Field(
        None, alias="to", description="Rounded up to a whole hour. Default: now, with the hour that runs."
    )
    step: Literal["hour", "day", "month", "all"] = Field("all", description="A row for each, in UTC; all is one row.")
    by: str | None = None
    model: str | None = Field(None, max_length=200)
    key_id: str | None = Field(None, max_length=100)
    project_id: str | None = Field(None, max_length=100)
    provider: str | None = Field(None, max_length=100)
    outcome: OutcomeWish | None = None
    tag: str | None = Field(None, max_length=200)
    test: bool = Field(default=False, description="Test traffic instead of live.")
    compare: bool = Field(default=False, description="Also the period as long that ends where this one begins.")
    format: Literal["json", "csv"] = "json"


class SummaryWish(SumsWish, frozen=True):
    """Within an organisation."""

    by: Literal["model", "provider", "served_model", "key", "project", "outcome", "cache", "tag"] | None = None


class OverallWish(SumsWish, frozen=True):
    """Over all organisations."""

    by: Literal["org", "model", "provider", "served_model", "outcome", "cache"] = Field(
        "org", description="With org, `group` is an organisation's id."
    )


class SummaryRow(Shown):
    """Sums of some requests. Latencies are milliseconds, of finished requests, less than 5 % off."""

    time: datetime | None
    group: str | None
    name: str | None = Field(description="What a key, a project or an organisation is called; null where it is gone.")
    requests: int
    errors: int
    error_rate: float
    """Of all requests, from 0 to 1."""
    refused: int
    abandoned: int
    cache_hits: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    reasoning_tokens: int
    cost_usd: str
    charge_usd: str
    list_cost_usd: str
    saved_usd: str
    saved_by_cache_usd: str
    saved_by_routing_usd: str
    unpriced: int
    p50_ms: int | None
    p95_ms: int | None
    first_token_p50_ms: int | None
    first_token_p95_ms: int | None


class Summary(Shown):
    """Rows by time, then by group, the most expensive first."""

    since: datetime = Field(serialization_alias="from")
    until: datetime = Field(serialization_alias="to")
    figures_until: datetime
    """All that reached the database by then is in the figures."""
    truncated: bool
    """There are more rows than are shown, of this period or of the one before: ask for a shorter time or a longer step."""
    data: list[SummaryRow]
    previous_since: datetime | None = Field(default=None, serialization_alias="previous_from")
    previous: list[SummaryRow] | None = None
    """Of the period before, which ends at `from`; null unless asked for by `compare`."""
