"""OpenRouter's activity: usage and costs by day and endpoint, of the last 30 days that are over.

Page: https://openrouter.ai/docs/api/api-reference/analytics/get-user-activity. `usage` is dollars of credit; what a provider bills an
account's own key there comes on top, as `byok_usage_inference`. There are no cached tokens in it.
"""

from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from llmgateway.kit.utc import DAY, begin_of
from llmgateway.providers.bills.bill import Bill, BillLine, Count, ExportKind, Measure, Span, Unreadable, dollars
from llmgateway.providers.hosts.openrouter import OPENROUTER

_ACTIVITY: Final = ExportKind(
    OPENROUTER.id,
    "activity",
    frozenset({Measure.REQUESTS, Measure.PROMPT, Measure.COMPLETION, Measure.COST}),
)


class _Item(msgspec.Struct, frozen=True):
    date: date
    model: str
    usage: Decimal
    requests: Count
    prompt_tokens: Count
    completion_tokens: Count
    byok_usage_inference: Decimal = Decimal(0)


class _Activity(msgspec.Struct, frozen=True):
    data: list[_Item]


def read(name: str, content: bytes) -> Bill:
    """An activity; it tells of all days from its first to its last. Raises Unreadable."""
    try:
        items = msgspec.json.decode(content, type=_Activity).data
    except msgspec.DecodeError as error:
        raise Unreadable(f"{name}: this is no answer of OpenRouter's /api/v1/activity ({error}). Give one.") from error
    days = sorted({item.date for item in items})
    whole = [Span(since=begin_of(days[0]), until=begin_of(days[-1]) + DAY)] if days else []
    return Bill(
        name=name,
        provider=OPENROUTER.id,
        kind=_ACTIVITY,
        spans=whole,
        lines=[_line(name, item) for item in items],
    )


def _line(name: str, item: _Item) -> BillLine:
    return BillLine(
        day=item.date,
        model=item.model,
        item=item.model,
        counts={
            Measure.REQUESTS: item.requests,
            Measure.PROMPT: item.prompt_tokens,
            Measure.COMPLETION: item.completion_tokens,
        },
        usd=dollars(name, item.usage, "usd") + dollars(name, item.byok_usage_inference, "usd"),
    )
