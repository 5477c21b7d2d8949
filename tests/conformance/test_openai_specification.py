"""Every translated answer, chunk, event and error of the OpenAI endpoints is what OpenAI's specification says."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest, NotFound, Problem, TooMany, Unauthorized, Unavailable, UpstreamFailed
from llmgateway.kit.sse import Splitter
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import Provider, Step, UpstreamReply
from llmgateway.providers.gemini.declaration import GEMINI
from tests.conformance.openai_specification import complaint
from tests.providers import anthropic_recordings, gemini_recordings

OPENAI, RESPONSES = OpenAIDialect(), ResponsesDialect()
BODIES: dict[Dialect, dict[str, Any]] = {
    Dialect.OPENAI: {"model": "m", "messages": [{"role": "user", "content": "Hi"}]},
    Dialect.RESPONSES: {"model": "m", "input": "Hi"},
}
ANSWERS = {Dialect.OPENAI: "CreateChatCompletionResponse", Dialect.RESPONSES: "Response"}
EVENTS = {Dialect.OPENAI: "CreateChatCompletionStreamResponse", Dialect.RESPONSES: "ResponseStreamEvent"}

Case = tuple[Provider, UpstreamReply]


def _cases(*, stream: bool) -> list[Any]:
    """Recorded answers of the two translated languages."""
    operation = "chat_stream" if stream else "chat"
    claude = [
        pytest.param(ANTHROPIC, UpstreamReply(r.status, r.headers, r.body), id=r.name)
        for r in anthropic_recordings.recordings()
        if r.stream is stream and r.status == 200 and "anthropic/" in r.name
    ]
    google = [
        pytest.param(GEMINI, r.reply, id=r.name)
        for r in gemini_recordings.recordings("google.generateContent", operation, "gemini")
        if r.reply.status == 200
    ]
    return claude + google


def _call(dialect: DialectWriter, *, stream: bool) -> Call:
    body = {**BODIES[dialect.id], "stream": stream}
    if dialect is OPENAI and stream:
        body["stream_options"] = {"include_usage": True}
    return dialect.read(Operation.CHAT, json.dumps(body).encode(), Wishes())


@pytest.mark.parametrize("dialect", [OPENAI, RESPONSES], ids=["chat", "responses"])
@pytest.mark.parametrize(("provider", "reply"), _cases(stream=False))
def test_a_whole_answer(dialect: DialectWriter, provider: Provider, reply: UpstreamReply) -> None:
    call = _call(dialect, stream=False)
    written = json.loads(dialect.answer(call, provider.read(call, reply)))
    assert complaint(ANSWERS[dialect.id], written) is None


@pytest.mark.parametrize("dialect", [OPENAI, RESPONSES], ids=["chat", "responses"])
@pytest.mark.parametrize(("provider", "reply"), _cases(stream=True))
def test_every_event_of_a_stream(dialect: DialectWriter, provider: Provider, reply: UpstreamReply) -> None:
    call = _call(dialect, stream=True)
    decoder = provider.decoder(call, native=False)
    steps: Sequence[Step] = [*decoder.feed(reply.body), *decoder.close()]
    writer = dialect.stream(call)
    usage = next((step.usage for step in reversed(steps) if step.usage), None)
    stream = writer.open() + b"".join(writer.chunk(step.chunk) for step in steps if step.chunk) + writer.close(usage)
    frames = [frame.data for frame in Splitter().feed(stream) if frame.data != b"[DONE]"]
    assert len(frames) > 1
    for data in frames:
        event = json.loads(data)
        assert complaint(EVENTS[dialect.id], event) is None, event


PROBLEMS: list[Problem] = [
    BadRequest("The field `x` is wrong.", param="x"),
    Unauthorized("No key."),
    NotFound("No model.", code="model_not_found", param="model"),
    TooMany("Slow down.", retry_after=3),
    UpstreamFailed("The provider failed."),
    Unavailable("Later.", code="no_target"),
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: str(problem.code))
def test_errors(problem: Problem) -> None:
    for dialect in (OPENAI, RESPONSES):
        assert complaint("ErrorResponse", json.loads(dialect.error(problem, "req_1"))) is None
    failed = RESPONSES.stream(_call(RESPONSES, stream=True)).failure(problem, "req_1")
    for frame in Splitter().feed(failed):
        assert complaint("ResponseStreamEvent", json.loads(frame.data)) is None


def test_embeddings() -> None:
    body = {"model": "m", "input": ["a"], "encoding_format": "float"}
    call = OPENAI.read(Operation.EMBEDDINGS, json.dumps(body).encode(), Wishes())
    found = gemini_recordings.recordings("google.embedContent", "embeddings", "gemini")
    for recording in [recording for recording in found if recording.reply.status == 200]:
        answer = GEMINI.read(call, recording.reply)
        answer.body.setdefault(
            "usage", {"prompt_tokens": 1, "total_tokens": 1}
        )  # the pipeline counts what Google does not
        assert complaint("CreateEmbeddingResponse", json.loads(OPENAI.answer(call, answer))) is None


def test_the_validator_objects_to_what_is_wrong() -> None:
    empty: dict[str, Any] = {"id": "x", "choices": [{}]}
    assert complaint("CreateChatCompletionResponse", empty) is not None
    assert complaint("ResponseStreamEvent", {"type": "response.created"}) is not None
