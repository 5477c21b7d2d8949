"""A bill: one page of a provider's export of usage or costs, read. What it says is kept as it was said, and exactly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from llmgateway.canon.call import Operation
from llmgateway.kit.money import nanos
from llmgateway.kit.utc import DAY, midnight

Count = Annotated[int, msgspec.Meta(ge=0)]
"""Tokens or requests."""


class Unreadable(ValueError):
    """A file is no export that can be compared; the message says why, and what to give instead."""


class Measure(StrEnum):
    """What both sides count."""

    REQUESTS = "requests"
    PROMPT = "prompt_tokens"
    """What was read from and written to a prompt cache included."""
    CACHED = "cached_tokens"
    """Of the prompt: read from the provider's cache."""
    COMPLETION = "completion_tokens"
    """Reasoning included."""
    COST = "cost"
    """Nano-dollars."""


@dataclass(frozen=True, slots=True)
class ExportKind:
    """A kind of export."""

    provider: str
    """Whose it is, as our registry names it."""
    name: str
    measures: frozenset[Measure]
    """What it tells."""
    operations: frozenset[Operation] = frozenset(Operation)
    """What was asked for, in the requests that it tells of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BillLine:
    """A line of an export."""

    day: date
    """In UTC."""
    model: str | None
    """In the provider's words; None where the line names none."""
    item: str
    """What the line is of, in the provider's words."""
    counts: Mapping[Measure, int]
    """All that it tells but the cost."""
    usd: Decimal = Decimal(0)
    """Not rounded; less than 0 is given back."""
    batched: bool = False
    """By the provider's interface for batches, which does not pass the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of time that an export tells everything of."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """A page of an export."""

    name: str
    """The file's, for whoever reads an error."""
    provider: str
    kind: ExportKind | None
    """None where a page without a line does not tell."""
    spans: Sequence[Span]
    lines: Sequence[BillLine]
    next_page: str | None = None
    """What fetches the next page, where there is more."""


def bucket(name: str, since: datetime, until: datetime) -> Span:
    """A stretch within one UTC day. Raises Unreadable for another one."""
    if not since < until <= midnight(since) + DAY:
        raise Unreadable(
            f"{name}: {since:%Y-%m-%dT%H:%M}Z to {until:%Y-%m-%dT%H:%M}Z is not within one UTC day. "
            "Fetch it by the day (bucket_width=1d), from a midnight in UTC."
        )
    return Span(since=since, until=until)


def dollars(name: str, amount: Decimal, currency: str) -> Decimal:
    """The amount, if it is one of dollars. Raises Unreadable."""
    if currency.lower() != "usd":
        raise Unreadable(
            f"{name}: an amount is in {currency.upper()}. Only dollars are compared, since the books are in USD."
        )
    try:
        nanos(amount)
    except ValueError as error:
        raise Unreadable(f"{name}: {amount} is no amount of money.") from error
    return amount


def the_kind(name: str, kinds: Sequence[ExportKind]) -> ExportKind | None:
    """The one kind of all lines; None without any. Raises Unreadable where there are several."""
    names = sorted({kind.name for kind in kinds})
    if len(names) > 1:
        raise Unreadable(f"{name}: {' and '.join(names)} stand in one page. Give each export as it was fetched.")
    return kinds[0] if kinds else None
