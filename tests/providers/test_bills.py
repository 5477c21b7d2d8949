"""Exports of providers: what they say is read as it is written, and what says nothing is refused in words."""

import json
from datetime import date, timedelta
from decimal import Decimal

import pytest

from llmgateway.canon.call import Operation
from llmgateway.providers.bills.bill import BillLine, Measure, Unreadable
from llmgateway.providers.bills.naming import undated
from llmgateway.providers.bills.reading import read_bill
from llmgateway.providers.bills.statement import joined
from tests.providers.bill_pages import FOURTH, MIDNIGHT, costs, dollar, page


def test_openais_costs_are_read_to_the_last_digit_as_number_and_as_text() -> None:
    bill = page("openai_costs")
    assert [(line.model, line.usd) for line in bill.lines] == [
        ("gpt-4.1-2025-04-14", Decimal("0.0200000000000000000")),
        ("gpt-4.1-2025-04-14", Decimal("0.0000005")),
        ("gpt-4.1-2025-04-14", Decimal("0.008")),
        ("text-embedding-3-small", Decimal("0.00000120000000000000003")),
    ]
    assert {line.day for line in bill.lines} == {FOURTH}
    assert [span.since.date() for span in bill.spans] == [FOURTH, FOURTH + timedelta(days=1)]


@pytest.mark.parametrize(
    ("item", "model"),
    [
        ("gpt-4o-2024-08-06, input", "gpt-4o-2024-08-06"),
        ("priority | gpt-4.1-2025-04-14, output, long context", "gpt-4.1-2025-04-14"),
        ("gpt-audio-mini-2025-12-15 audio, input", "gpt-audio-mini-2025-12-15"),
        ("gpt-4.1, cached input", "gpt-4.1"),
        ("text-embedding-3-large", "text-embedding-3-large"),
        ("web search tool calls", None),
        ("assistants api | file search", None),
        ("Image models", None),
        ("input", None),
        (None, None),
    ],
)
def test_a_line_item_names_its_model_or_none(item: str | None, model: str | None) -> None:
    [line] = read_bill("costs.json", costs(dollar(item))).lines
    assert (line.model, line.item) == (model, item or "all")


def test_openais_usage_counts_cached_tokens_as_part_of_the_prompt() -> None:
    [line] = page("openai_completions").lines
    assert line.counts == {
        Measure.REQUESTS: 2, Measure.PROMPT: 10001, Measure.CACHED: 1, Measure.COMPLETION: 1000,
    }  # fmt: skip
    [embedded] = page("openai_embeddings").lines
    assert embedded.counts == {Measure.REQUESTS: 1, Measure.PROMPT: 60}


def test_anthropics_amounts_are_cents_and_its_prompt_is_all_that_was_read_and_written() -> None:
    assert [(line.model, line.usd, line.item) for line in page("anthropic_costs").lines] == [
        ("claude-sonnet-4-5-20250929", Decimal("1.234500001"), "Claude Sonnet 4.5 Usage - Input Tokens"),
        (None, Decimal("0.02"), "Web Search Usage"),
    ]
    [line] = page("anthropic_usage").lines
    assert line.counts == {Measure.PROMPT: 3200, Measure.CACHED: 200, Measure.COMPLETION: 500}


def test_openrouters_activity_is_usage_and_costs_with_what_was_paid_elsewhere() -> None:
    bill = page("openrouter_activity")
    assert [(line.day, line.usd) for line in bill.lines] == [
        (FOURTH, Decimal("0.027")),
        (date(2026, 11, 2), Decimal("1e-9")),
    ]
    [span] = bill.spans
    assert (span.since, span.until) == (MIDNIGHT - timedelta(days=2), MIDNIGHT + timedelta(days=1))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is not one JSON document"),
        (b"day,model,cost\n", "is not one JSON document"),
        (costs(dollar()) * 2, "Give each page as a file of its own"),
        (b"[" * 100_000, "is not one JSON document"),
        (b"[]", "is no answer of a provider"),
        (b'{"object": "list", "data": [{"id": "gpt-4.1"}]}', "no export that is known here"),
        (b'{"error": {"message": "Missing scopes: api.usage.read", "code": null}}', "Missing scopes: api.usage.read"),
        (
            b'{"type": "error", "error": {"type": "authentication_error", "message": "invalid x-api-key"}}',
            "invalid x-api-key",
        ),
        (b'{"data": [], "has_more": false, "next_page": null}', "tells of no day"),
        (costs({"line_item": "gpt-4.1, input"}), "missing required field `amount`"),
        (costs({"amount": {"value": "a lot", "currency": "usd"}}), "Invalid decimal"),
        (costs({"amount": {"value": "NaN", "currency": "usd"}}), "NaN is no amount of money"),
        (costs({"amount": {"value": "1e15", "currency": "usd"}}), "no amount of money"),
        (costs({"amount": {"value": 1, "currency": "eur"}}), "in EUR"),
        (costs(dollar(), hours=48), "is not within one UTC day"),
        (costs(dollar(), hours=0), "is not within one UTC day"),
        (costs(dollar(), start=MIDNIGHT + timedelta(hours=7)), "bucket_width=1d"),
        (costs({"object": "organization.usage.vector_stores.result", "usage_bytes": 1}), "leave its files out"),
        (
            costs(
                dollar(),
                {"object": "organization.usage.embeddings.result", "input_tokens": 1, "num_model_requests": 1},
            ),
            "costs and usage of embeddings stand in one page",
        ),
        (
            costs({"object": "organization.usage.embeddings.result", "input_tokens": -1, "num_model_requests": 1}),
            "Expected `int` >= 0",
        ),
        (
            b'{"object": "page", "data": [{"object": "bucket", "start_time": 1e30, "end_time": 2, "results": []}]}',
            "no page of",
        ),
        (b'{"data": [{"starting_at": "yesterday", "ending_at": "today", "results": []}]}', "Give one of those"),
        (
            b'{"data": [{"starting_at": "2026-11-04T00:00:00", "ending_at": "2026-11-05T00:00:00", "results": []}]}',
            "says no time zone",
        ),
        (
            b'{"data": [{"starting_at": "2026-11-04T00:00:00Z", "ending_at": "2026-11-05T00:00:00Z", "results": [{}]}]}',
            "neither an amount nor tokens",
        ),
        (b'{"data": [{"date": "2026-11-04"}]}', "no answer of OpenRouter's"),
        (
            b'{"data": [{"starting_at": "9999-12-31T00:00:00Z", "ending_at": "9999-12-31T10:00:00Z", "results": []}]}',
            "a day that no calendar has",
        ),
        (
            b'{"object": "page", "data": [{"object": "bucket", "start_time": 99999999999999, "end_time": 2, "results": []}]}',
            "no page of OpenAI's costs",
        ),
    ],
)
def test_what_is_no_export_is_refused_with_the_file_and_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(Unreadable, match=r"page\.json") as refused:
        joined([read_bill("page.json", content)], None)
    assert why in str(refused.value)


def test_pages_are_joined_and_tell_which_days_are_whole() -> None:
    statement = joined([page("openai_completions_2"), page("openai_completions")], None)
    [(kind, days)] = statement.whole.items()
    assert (kind.name, kind.operations) == ("usage of completions", {Operation.CHAT, Operation.COMPLETIONS})
    assert days == {FOURTH, FOURTH + timedelta(days=1)}
    assert [line.day for _, line in statement.lines] == [FOURTH]


def test_hours_make_a_day_and_a_part_of_it_makes_none() -> None:
    halves = [
        read_bill(f"{hour}.json", costs(dollar("o3"), start=MIDNIGHT + timedelta(hours=hour), hours=12))
        for hour in (0, 12)
    ]
    assert joined(halves, None).whole == {halves[0].kind: {FOURTH}}
    part = joined(halves[1:], None)
    assert (part.whole, part.partly, part.lines) == ({halves[0].kind: frozenset()}, {halves[0].kind: {FOURTH}}, [])


def test_a_page_that_is_there_twice_is_refused_also_as_another_file() -> None:
    with pytest.raises(Unreadable, match=r"2026-11-04 is told twice, in openai_costs and again\.json"):
        joined([page("openai_costs"), read_bill("again.json", costs(dollar()))], None)
    twice = json.loads(costs(dollar()))
    twice["data"] *= 2
    with pytest.raises(Unreadable, match=r"is told twice, in one\.json\. Give"):
        joined([read_bill("one.json", json.dumps(twice).encode())], None)


def test_a_page_that_lacks_the_next_one_is_refused_unless_nobody_asks_for_it() -> None:
    with pytest.raises(Unreadable, match="Fetch the next one with page=page_AAAAAGdGxdEiJdKOAAAAAGcqsYA="):
        joined([page("openai_completions")], None)
    assert joined([page("openai_completions")], MIDNIGHT + timedelta(days=1)).lines


def test_bills_of_two_providers_are_refused() -> None:
    with pytest.raises(Unreadable, match="one provider at a time"):
        joined([page("openai_costs"), page("anthropic_costs")], None)


def test_a_page_without_a_line_goes_on_with_another_or_is_refused() -> None:
    empty = page("openai_completions_2")
    three = joined([empty, page("openai_costs"), page("openai_embeddings"), page("openai_completions")], None)
    assert {kind.name for kind, days in three.whole.items() if len(days) == 2} == {"costs", "usage of completions"}
    fits = joined([empty, page("openai_costs"), page("openai_embeddings")], None)
    assert {kind.name for kind, days in fits.whole.items() if len(days) == 2} == {"costs", "usage of embeddings"}
    with pytest.raises(Unreadable, match="No file has a line"):
        joined([empty], None)
    with pytest.raises(Unreadable, match=r"costs or usage of embeddings\. Leave it out"):
        joined([read_bill("idle.json", costs()), page("openai_costs"), page("openai_embeddings")], None)


def test_a_line_of_the_provider_s_batches_is_told_as_such() -> None:
    result = {
        "object": "organization.usage.completions.result", "input_tokens": 1, "output_tokens": 1,
        "num_model_requests": 1, "batch": True,
    }  # fmt: skip
    lines: list[BillLine] = [*read_bill("batch.json", costs(result)).lines]
    assert [line.batched for line in lines] == [True]


def test_a_name_loses_the_date_of_its_snapshot_and_nothing_else() -> None:
    names = ("gpt-9-2027-01-01", "claude-9-20270101", "gpt-4.1", "o3-mini", "llama-20b", "codex-12345678")
    assert [undated(name) for name in names] == [
        "gpt-9",
        "claude-9",
        "gpt-4.1",
        "o3-mini",
        "llama-20b",
        "codex-12345678",
    ]
