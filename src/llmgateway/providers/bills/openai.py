"""OpenAI's usage and costs of an organisation, as its administration API tells them.

Pages: https://platform.openai.com/docs/api-reference/usage (`/v1/organization/usage/...` and `/v1/organization/costs`, with
their buckets and paging), https://cookbook.openai.com/examples/completions_usage_api. Costs are dollars; a line item is free
text, in practice `MODEL, input`, `MODEL, cached input`, `MODEL, output`, or a tool's name.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from llmgateway.canon.call import Operation
from llmgateway.providers.bills.bill import (
    Bill,
    BillLine,
    Count,
    ExportKind,
    Measure,
    Span,
    Unreadable,
    bucket,
    dollars,
    the_kind,
)
from llmgateway.providers.hosts.openai import OPENAI

_CHATS: Final = ExportKind(
    OPENAI.id,
    "usage of completions",
    frozenset({Measure.REQUESTS, Measure.PROMPT, Measure.CACHED, Measure.COMPLETION}),
    frozenset({Operation.CHAT, Operation.COMPLETIONS}),
)
_EMBEDDINGS: Final = ExportKind(
    OPENAI.id, "usage of embeddings", frozenset({Measure.REQUESTS, Measure.PROMPT}), frozenset({Operation.EMBEDDINGS})
)
_COSTS: Final = ExportKind(OPENAI.id, "costs", frozenset({Measure.COST}))

_ITEM: Final = re.compile(r"(?:[^|]+ \| )?(?P<model>[^\s,|]+)(?: (?:text|image|audio))?, .+")
"""`priority | gpt-4.1-2025-04-14, input, long context`: a tier, the model, of what, and what was counted."""
_BARE: Final = re.compile(r"(?=.*[0-9])[a-z0-9][a-z0-9.:_-]*")
"""A line item that is a model's name and no more."""


class _Amount(msgspec.Struct, frozen=True):
    value: Decimal
    currency: str


class _Cost(msgspec.Struct, frozen=True, tag_field="object", tag="organization.costs.result"):
    amount: _Amount
    line_item: str | None = None


class _Chats(msgspec.Struct, frozen=True, tag_field="object", tag="organization.usage.completions.result"):
    input_tokens: Count
    output_tokens: Count
    num_model_requests: Count
    input_cached_tokens: Count | None = None
    model: str | None = None
    batch: bool | None = None


class _Embedded(msgspec.Struct, frozen=True, tag_field="object", tag="organization.usage.embeddings.result"):
    input_tokens: Count
    num_model_requests: Count
    model: str | None = None


_Result = _Cost | _Chats | _Embedded


class _Bucket(msgspec.Struct, frozen=True, tag_field="object", tag="bucket"):
    start_time: int
    """Seconds since 1970."""
    end_time: int
    results: list[_Result] | None = None
    result: list[_Result] | None = None
    """The same, as the reference names it where its examples say `results`."""


class _Page(msgspec.Struct, frozen=True, tag_field="object", tag="page"):
    data: list[_Bucket]
    has_more: bool = False
    next_page: str | None = None


def read(name: str, content: bytes) -> Bill:
    """A page of costs, or of usage of completions or embeddings. Raises Unreadable."""
    try:
        page = msgspec.json.decode(content, type=_Page)
        times = [(_moment(one.start_time), _moment(one.end_time)) for one in page.data]
    except (msgspec.DecodeError, ValueError, OverflowError, OSError) as error:
        raise Unreadable(
            f"{name}: this is no page of OpenAI's costs, or of its usage of completions or embeddings ({error}). "
            "Other usage does not pass the gateway: leave its files out."
        ) from error
    spans = [bucket(name, since, until) for since, until in times]
    found = [
        (span, result) for span, one in zip(spans, page.data, strict=True) for result in one.results or one.result or ()
    ]
    return Bill(
        name=name,
        provider=OPENAI.id,
        kind=the_kind(name, [_kind(result) for _, result in found]),
        spans=spans,
        lines=[_line(name, span, result) for span, result in found],
        next_page=page.next_page or "" if page.has_more else None,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _kind(result: _Result) -> ExportKind:
    match result:
        case _Cost():
            return _COSTS
        case _Chats():
            return _CHATS
        case _Embedded():
            return _EMBEDDINGS


def _line(name: str, span: Span, result: _Result) -> BillLine:
    day = span.since.date()
    if isinstance(result, _Cost):
        item = result.line_item
        usd = dollars(name, result.amount.value, result.amount.currency)
        return BillLine(day=day, model=None if item is None else _model(item), item=item or "all", counts={}, usd=usd)
    counts = {Measure.REQUESTS: result.num_model_requests, Measure.PROMPT: result.input_tokens}
    if isinstance(result, _Embedded):
        return BillLine(day=day, model=result.model, item=result.model or "embeddings", counts=counts)
    counts |= {Measure.CACHED: result.input_cached_tokens or 0, Measure.COMPLETION: result.output_tokens}
    item = result.model or "completions"
    return BillLine(day=day, model=result.model, item=item, counts=counts, batched=result.batch is True)


def _model(item: str) -> str | None:
    """The model that a line item names; None for a tool and its like."""
    named = _ITEM.fullmatch(item)
    if named is not None:
        return named["model"]
    return item if _BARE.fullmatch(item) else None
