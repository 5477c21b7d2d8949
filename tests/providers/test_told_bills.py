"""Recorded bills of OpenRouter, Perplexity and xAI, read to the nano-dollar as a second, simple reader reads them."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import pytest

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.usage import Usage
from llmgateway.catalog.catalog import load_catalog
from tests.providers.openai_recordings import Recording, each, recordings

Reader = Callable[[Recording], Usage | None]
CATALOG = load_catalog()
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TELLERS: Final = ("openrouter", "perplexity", "xai")


def _call(recording: Recording, operation: Operation = Operation.CHAT, dialect: Dialect = Dialect.OPENAI) -> Call:
    body = recording.request
    return Call(operation=operation, dialect=dialect, model="asked-for", stream=False, body=body, canon=body)


def _whole(operation: Operation = Operation.CHAT, dialect: Dialect = Dialect.OPENAI) -> Reader:
    return lambda recording: recording.provider.read(_call(recording, operation, dialect), recording.reply).usage


def _streamed(dialect: Dialect = Dialect.OPENAI) -> Reader:
    def read(recording: Recording) -> Usage | None:
        decoder = recording.provider.decoder(_call(recording, dialect=dialect), native=dialect is Dialect.RESPONSES)
        steps = [*decoder.feed(recording.reply.body), *decoder.close()]
        return [step.usage for step in steps if step.usage][-1]

    return read


READERS: Final[Mapping[tuple[str, str], Reader]] = {
    ("openai.chat", "chat"): _whole(),
    ("openai.chat", "chat_stream"): _streamed(),
    ("openai.embeddings", "embeddings"): _whole(Operation.EMBEDDINGS),
    ("rerank", "rerank"): _whole(Operation.RERANK),
    ("openai.responses", "responses"): _whole(dialect=Dialect.RESPONSES),
    ("openai.responses", "responses_stream"): _streamed(Dialect.RESPONSES),
}


def _bill(recording: Recording) -> Decimal | None:
    """Dollars, as the last of its usage objects tells them; None where none does."""
    text = recording.reply.body.decode()
    lines = [line[5:].strip() for line in text.split("\n") if line.startswith("data:")] or [text]
    bodies: list[Any] = [json.loads(line, parse_float=Decimal) for line in lines if line not in ("", "[DONE]")]
    usages = [usage for body in bodies if (usage := (body.get("response") or body).get("usage"))]
    bills = [bill for usage in usages if (bill := _dollars(usage)) is not None]
    return bills[-1] if bills else None


def _dollars(usage: dict[str, Any]) -> Decimal | None:
    if "cost_in_usd_ticks" in usage:
        return Decimal(usage["cost_in_usd_ticks"]) / 10**10
    cost = usage.get("cost")
    if isinstance(cost, dict):
        return Decimal(cost["total_cost"])  # pyright: ignore[reportUnknownArgumentType] -- as it was recorded
    if cost is None:
        return None
    own = usage.get("cost_details", {}).get("upstream_inference_cost") if usage.get("is_byok") else None
    return Decimal(cost) + Decimal(own or 0)


BILLED = [
    (recording, reader)
    for (wire, operation), reader in READERS.items()
    for recording in recordings(wire, operation)
    if recording.folder in TELLERS and recording.reply.status == 200 and _bill(recording) is not None
]
READER_OF = {recording.name: reader for recording, reader in BILLED}


@each([recording for recording, _ in BILLED])
def test_a_recorded_bill_is_read_to_the_nano_and_is_the_price(recording: Recording) -> None:
    dollars, usage = _bill(recording), READER_OF[recording.name](recording)
    assert dollars is not None
    assert usage is not None
    told = int((dollars * 10**9).to_integral_value(ROUND_HALF_EVEN)) or None
    assert usage.told_nanos == told, "nothing is not told"
    priced = CATALOG.price(recording.folder, str(recording.request["model"]), usage, NOON)
    if told is not None:
        assert priced is not None
        assert (priced.nanos, priced.version) == (told, f"told by {recording.folder}")


def test_bills_of_all_three_were_judged() -> None:
    if not BILLED:
        pytest.skip("NOT JUDGED: no recorded traffic")
    count = {name: sum(recording.folder == name for recording, _ in BILLED) for name in TELLERS}
    assert count["openrouter"] >= 28
    assert count["perplexity"] >= 12
    assert count["xai"] >= 23
