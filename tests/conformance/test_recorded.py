"""Real traffic by the same checks: streams cut anywhere, answers with all that a caller needs, errors by their class."""

import random

import pytest

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Step
from tests.conformance.recorded import Exchange, each, exchanges
from tests.conformance.samples import steps_of
from tests.conformance.targets import chat

STREAMS = [one for one in exchanges() if one.stream and one.reply.status == 200]
ANSWERS = [one for one in exchanges() if not one.stream and one.reply.status == 200]
ERRORS = [one for one in exchanges() if one.reply.status >= 400]
FINISHES = {"stop", "length", "tool_calls", "content_filter", "function_call"}
SHORT = 2_500


def _read(exchange: Exchange, *pieces: bytes) -> list[Step]:
    call = chat({"n": exchange.choices} if exchange.choices > 1 else {}, stream=True)
    return steps_of(exchange.target.provider.decoder(call, native=False), *pieces)


def _told(steps: list[Step]) -> list[object]:
    """What the steps say, whatever ids were made up."""
    found = list[object]()
    for step in steps:
        chunk: Json = {**step.chunk} if step.chunk else {}
        for choice in objects(chunk.get("choices")):
            for call in objects(choice["delta"].get("tool_calls")):
                call.pop("id", None)
        error = (step.error.kind, step.error.message) if step.error else None
        found.append((chunk, step.text, step.finish, step.usage, step.end, error))
    return found


@each(STREAMS)
def test_a_recorded_stream_means_the_same_wherever_it_is_cut(exchange: Exchange) -> None:
    data = exchange.reply.body
    whole = _told(_read(exchange, data))
    dice = random.Random(exchange.name)
    places = range(1, len(data)) if len(data) < SHORT else sorted(dice.sample(range(1, len(data)), 12))
    for place in places:
        assert _told(_read(exchange, data[:place], data[place:])) == whole
    tiny = [data[place : place + 3] for place in range(0, len(data), 3)]
    assert _told(_read(exchange, *tiny)) == whole


@each(STREAMS)
def test_a_recorded_stream_comes_to_its_end(exchange: Exchange) -> None:
    steps = _read(exchange, exchange.reply.body)
    errors = [step.error for step in steps if step.error]
    finishes = [step.finish for step in steps if step.finish]
    assert len(errors) + len(finishes) >= 1, "neither finished nor failed"
    assert set(finishes) <= FINISHES
    assert bool(errors) or len(set(finishes)) == 1  # some say it again beside their figures


@each(ANSWERS)
def test_a_recorded_answer_has_all_that_a_caller_needs(exchange: Exchange) -> None:
    call = chat({"n": exchange.choices} if exchange.choices > 1 else {})
    try:
        answer = exchange.target.provider.read(call, exchange.reply)
    except ProviderError:
        return  # a failure inside a 200
    for choice in objects(answer.body["choices"]):
        assert choice["finish_reason"] in FINISHES
        assert choice["message"]["role"] == "assistant"
        assert all(call["id"] and call["function"]["name"] for call in objects(choice["message"].get("tool_calls")))


KINDS = {
    401: {FailureKind.AUTH},
    402: {FailureKind.BILLING},
    403: {FailureKind.AUTH, FailureKind.BILLING, FailureKind.CONTENT_FILTERED},
    404: {FailureKind.NOT_FOUND},
    429: {FailureKind.RATE_LIMITED, FailureKind.BILLING},
    500: {FailureKind.SERVER_ERROR, FailureKind.CONTEXT_TOO_LONG},
    503: {FailureKind.OVERLOADED},
    529: {FailureKind.OVERLOADED},
}
_OWN_FAULT = {
    FailureKind.BAD_REQUEST,
    FailureKind.CONTEXT_TOO_LONG,
    FailureKind.CONTENT_FILTERED,
    FailureKind.AUTH,
    FailureKind.BILLING,
}


@each(ERRORS)
def test_a_recorded_error_has_the_kind_of_its_class(exchange: Exchange) -> None:
    error = exchange.target.provider.classify(exchange.reply)
    assert error.kind in KINDS.get(exchange.reply.status, _OWN_FAULT)
    assert error.message
    assert error.status == exchange.reply.status


def test_most_providers_have_recordings() -> None:
    if not exchanges():
        pytest.skip("NOT JUDGED: no recorded traffic")
    assert len({one.target.host.id for one in exchanges()}) > 20
    assert len(exchanges()) > 350
