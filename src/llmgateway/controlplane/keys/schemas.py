"""What is said about API keys: bodies that come in, and what is shown."""

from datetime import datetime
from ipaddress import ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints, ValidatorFunctionWrapHandler, WrapValidator

from llmgateway.canon.call import Operation
from llmgateway.controlplane.keys.service import NO_LIMIT
from llmgateway.controlplane.reception.bodies import (
    AllowedModel,
    Body,
    Cap,
    Flag,
    Instant,
    Name,
    Shown,
    Whole,
    Word,
    each_once,
)
from llmgateway.controlplane.reception.budgets import Budgets, BudgetsShown

MOST_AT_ONCE = 1_000_000
"""Requests at the same time that a limit can be of."""
_LONGEST_OVERLAP = 30 * 86_400


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError as error:
        raise ValueError("must be an address or a range such as 203.0.113.0/24") from error


def _at_once(value: int | None) -> int | None:
    if value is not None and value > MOST_AT_ONCE:
        raise ValueError(f"must be at most {MOST_AT_ONCE}")
    return value


Words = Annotated[list[Word], Field(max_length=200), AfterValidator(each_once)]
Models = Annotated[list[AllowedModel], Field(max_length=200), AfterValidator(each_once)]
Scopes = Annotated[list[Operation], Field(max_length=20), AfterValidator(each_once)]
Networks = Annotated[
    list[Annotated[str, StringConstraints(max_length=64), AfterValidator(_network)]],
    Field(max_length=100),
    AfterValidator(each_once),
]


def _or_none_of_its_own(value: Any, cap: ValidatorFunctionWrapHandler) -> Any:
    return NO_LIMIT if value == "none" else cap(value)


OwnCap = Annotated[Cap | None, WrapValidator(_or_none_of_its_own, json_schema_input_type=Cap | Literal["none"] | None)]


class KeyLimits(Body):
    """Caps of a key. One that is null or not given to a new key is the plan's default: `key_rates` of GET /api/v1/plans.

    That is none under self_hosted; 60, 1,000 and 10,000 requests else. `none` is no limit of its own: the plan's `rates` and its
    project's limits hold all the same.
    """

    requests_per_minute: OwnCap = None
    requests_per_hour: OwnCap = None
    requests_per_day: OwnCap = None
    tokens_per_minute: OwnCap = None
    concurrency: Annotated[OwnCap, AfterValidator(_at_once)] = None


class KeyRules(Body):
    """What a key may do; null is everything."""

    project_id: str | None = Field(None, max_length=100)
    scopes: Scopes | None = Field(None, description="Endpoints it may use.")
    allowed_models: Models | None = None
    allowed_providers: Words | None = None
    allowed_addresses: Networks | None = Field(None, description="Where it may come from.")
    tags: Words | None = None
    expires_at: Instant | None = None
    cache_seconds: Whole | None = Field(
        None, ge=0, le=31_536_000, description="0 is off, null as the organisation says."
    )
    limits: KeyLimits | None = None
    budgets: Budgets | None = None


class NewKey(KeyRules):
    """A key."""

    name: Name
    test: Flag = Field(default=False, description="A test key: the sandbox answers, nothing costs.")


class KeyChange(KeyRules):
    """What is given is changed; null takes a rule off, and sets a limit to the plan's default; a limit of `none` is none."""

    name: Name | None = None


class Rotation(Body):
    """How long the old secret works on beside the new one."""

    overlap_seconds: Whole = Field(86_400, ge=0, le=_LONGEST_OVERLAP)


class LimitsShown(Shown):
    """Caps; null is no limit."""

    requests_per_minute: int | None
    requests_per_hour: int | None
    requests_per_day: int | None
    tokens_per_minute: int | None
    concurrency: int | None


class SecretShown(Shown):
    """One secret of a key, as far as it can be recognised by."""

    id: str
    prefix: str
    last4: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class KeyShown(Shown):
    """An API key, without its secret."""

    id: str
    name: str
    test: bool
    prefix: str
    last4: str
    created_by: str | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    project_id: str | None
    scopes: list[str] | None
    allowed_models: list[str] | None
    allowed_providers: list[str] | None
    allowed_addresses: list[str] | None
    tags: list[str]
    cache_seconds: int | None
    limits: LimitsShown
    budgets: BudgetsShown
    governed: list[str] = Field(
        description="Fields that somebody who manages keys set: its maker may only lower or narrow them, and not leave the project."
    )
    secrets: list[SecretShown]


class MadeKey(KeyShown):
    """With its secret, this once."""

    key: str


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """A key as the trail keeps it: without secrets, and without what changes by its use alone."""
    return {name: value for name, value in values.items() if name not in {"secrets", "key", "last_used_at"}}
