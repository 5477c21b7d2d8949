"""What is said about routes and policies."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from llmgateway.controlplane.reception.bodies import AllowedModel, Body, Flag, Shown, Whole, Word, each_once
from llmgateway.gateway_file import Strategy, Timeouts
from llmgateway.kit.patterns import BadPattern, compiled

_DECIMAL: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,12})?")

Alias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$")]


def _pattern(value: str) -> str:
    try:
        compiled(value)
    except BadPattern as error:
        raise ValueError(str(error)) from error
    return value


def _price(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or not _DECIMAL.fullmatch(str(value)):
        raise ValueError('must be dollars as text, such as "2.50", at most 999999 and with at most 12 decimals')
    return str(value)


Price = Annotated[str, BeforeValidator(_price, json_schema_input_type=str)]


class TargetPrice(Body):
    """USD per million tokens, and per thousand requests and searches: what a provider bills you for a model of your own.

    It says what a request cost where the catalogue does not know. Of your own provider credentials alone: what the gateway's
    cost is not yours to say.
    """

    input: Price
    output: Price = "0"
    cached_input: Price | None = None
    cache_write: Price | None = None
    audio_input: Price | None = None
    audio_output: Price | None = None
    request: Price | None = None
    search: Price | None = None


class RouteTarget(Body):
    """One place that can serve an alias."""

    provider: str = Field(min_length=1, max_length=50)
    model: Word
    weight: float = Field(1, gt=0, le=1_000_000)
    prefill: Flag | None = None
    reasoning: Flag | None = None
    context: Whole | None = Field(None, gt=0, le=100_000_000)
    price: TargetPrice | None = None


class RouteBody(Body):
    """What a name stands for."""

    strategy: Strategy = "priority"
    targets: list[RouteTarget] = Field(min_length=1, max_length=20)
    retries: Whole | None = Field(None, ge=0, le=5)
    timeouts: Timeouts = Timeouts()


class RouteShown(Shown):
    """An alias of the organisation's own; it goes before a name of the gateway's."""

    id: str
    alias: str
    strategy: Strategy
    targets: list[RouteTarget]
    retries: int | None
    timeouts: Timeouts
    created_at: datetime
    updated_at: datetime


class PolicyShown(Shown):
    """What all keys of the organisation are held to."""

    allowed_models: list[str] | None = None
    max_prompt_tokens: int | None = None
    blocked_words: list[str] = Field(default_factory=list[str])
    blocked_patterns: list[str] = Field(default_factory=list[str])
    content_logging: Literal["off", "errors", "all"] = "off"
    content_retention_days: int = 30


class PolicyChange(Body):
    """What is given is changed; null takes a rule off."""

    allowed_models: Annotated[list[AllowedModel], Field(max_length=500), AfterValidator(each_once)] | None = None
    max_prompt_tokens: Whole | None = Field(None, ge=1, le=100_000_000)
    blocked_words: Annotated[list[Word], Field(max_length=500), AfterValidator(each_once)] | None = None
    blocked_patterns: (
        Annotated[
            list[Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_pattern)]],
            Field(max_length=100, description="In RE2's syntax."),
            AfterValidator(each_once),
        ]
        | None
    ) = None
    content_logging: Literal["off", "errors", "all"] | None = None
    content_retention_days: Whole | None = Field(None, ge=1, le=365)
