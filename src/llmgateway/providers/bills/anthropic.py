"""Anthropic's usage and cost reports, as its administration API tells them.

Pages: https://platform.claude.com/docs/en/manage-claude/usage-cost-api,
https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-messages-usage-report (no count of requests),
https://platform.claude.com/docs/en/api/admin-api/usage-cost/get-cost-report: an amount is text in cents, `"123.45"` is $1.2345,
and costs of the Priority Tier are not in it.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from llmgateway.providers.anthropic.declaration import ANTHROPIC
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

_MESSAGES: Final = ExportKind(
    ANTHROPIC.id, "usage of messages", frozenset({Measure.PROMPT, Measure.CACHED, Measure.COMPLETION})
)
_COSTS: Final = ExportKind(ANTHROPIC.id, "costs", frozenset({Measure.COST}))
_CENTS: Final = 100


class _Written(msgspec.Struct, frozen=True):
    """Tokens written to the prompt cache, by how long they stay."""

    ephemeral_5m_input_tokens: Count = 0
    ephemeral_1h_input_tokens: Count = 0


class _Result(msgspec.Struct, frozen=True):
    """A line of either report: tokens, or an amount."""

    uncached_input_tokens: Count | None = None
    cache_creation: _Written = _Written()
    cache_read_input_tokens: Count = 0
    output_tokens: Count | None = None
    amount: Decimal | None = None
    currency: str = ""
    model: str | None = None
    description: str | None = None
    cost_type: str | None = None
    service_tier: str | None = None


class _Bucket(msgspec.Struct, frozen=True):
    starting_at: datetime
    ending_at: datetime
    results: list[_Result]


class _Page(msgspec.Struct, frozen=True):
    data: list[_Bucket]
    has_more: bool = False
    next_page: str | None = None


def read(name: str, content: bytes) -> Bill:
    """A page of either report. Raises Unreadable."""
    try:
        page = msgspec.json.decode(content, type=_Page)
    except msgspec.DecodeError as error:
        raise Unreadable(
            f"{name}: this is no page of Anthropic's usage_report/messages or cost_report ({error}). Give one of those."
        ) from error
    spans = [_span(name, one) for one in page.data]
    found = [
        _line(name, span.since.astimezone(UTC).date(), result)
        for span, one in zip(spans, page.data, strict=True)
        for result in one.results
    ]
    return Bill(
        name=name,
        provider=ANTHROPIC.id,
        kind=the_kind(name, [kind for kind, _ in found]),
        spans=spans,
        lines=[line for _, line in found],
        next_page=page.next_page or "" if page.has_more else None,
    )


def _span(name: str, one: _Bucket) -> Span:
    if one.starting_at.tzinfo is None or one.ending_at.tzinfo is None:
        raise Unreadable(f"{name}: {one.starting_at.isoformat()} says no time zone. Give the export as it was fetched.")
    return bucket(name, one.starting_at, one.ending_at)


def _line(name: str, day: date, result: _Result) -> tuple[ExportKind, BillLine]:
    if result.amount is not None:
        item = result.description or result.cost_type or "all"
        usd = dollars(name, result.amount / _CENTS, result.currency)
        return _COSTS, BillLine(day=day, model=result.model, item=item, counts={}, usd=usd)
    if result.uncached_input_tokens is None or result.output_tokens is None:
        raise Unreadable(
            f"{name}: a line has neither an amount nor tokens. Give a page of usage_report/messages or of cost_report."
        )
    cached, written = result.cache_read_input_tokens, result.cache_creation
    read_anew = result.uncached_input_tokens + written.ephemeral_5m_input_tokens + written.ephemeral_1h_input_tokens
    return _MESSAGES, BillLine(
        day=day,
        model=result.model,
        item=result.model or "messages",
        counts={
            Measure.PROMPT: read_anew + cached,
            Measure.CACHED: cached,
            Measure.COMPLETION: result.output_tokens,
        },
        batched=result.service_tier == "batch",
    )
