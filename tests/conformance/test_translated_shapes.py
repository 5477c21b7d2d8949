"""What is translated from each wire for the OpenAI endpoints is what OpenAI's specification says: whole, streamed, failed."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from docs.error_codes import ERROR_CODES
from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.completions import TextDialect, as_chat
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import AttemptReport, UpstreamFailed
from llmgateway.kit.sse import Splitter
from tests.conformance.meaning import Said
from tests.conformance.openai_specification import complaint
from tests.conformance.samples import ANSWERS, CUT, VECTORS, sayable, steps_of
from tests.conformance.targets import OPENAI, Target, one_a_wire, those_with

RESPONSES, TEXTS = ResponsesDialect(), TextDialect()
_SHAPES: dict[str, tuple[DialectWriter, str, str]] = {
    "chat": (OPENAI, "CreateChatCompletionResponse", "CreateChatCompletionStreamResponse"),
    "responses": (RESPONSES, "Response", "ResponseStreamEvent"),
    "completions": (TEXTS, "CreateCompletionResponse", "CreateCompletionResponse"),
}
WIRES = pytest.mark.parametrize("target", one_a_wire(), ids=lambda target: target.name)
EACH = pytest.mark.parametrize("endpoint", _SHAPES)
SAID = pytest.mark.parametrize("said", [*ANSWERS.values(), CUT], ids=[*ANSWERS, "everything"])


def _call(endpoint: str, *, stream: bool) -> Call:
    body: Json = {"model": "a-model", "stream": stream}
    if endpoint == "responses":
        return RESPONSES.read(Operation.CHAT, json.dumps({**body, "input": "Hello"}).encode(), Wishes())
    options = {"stream_options": {"include_usage": True}} if stream else {}
    if endpoint == "completions":
        whole = {**body, **options, "prompt": "Hello"}
        return as_chat(OPENAI.read(Operation.COMPLETIONS, json.dumps(whole).encode(), Wishes()))
    whole = {**body, **options, "messages": [{"role": "user", "content": "Hello"}]}
    return OPENAI.read(Operation.CHAT, json.dumps(whole).encode(), Wishes())


@WIRES
@EACH
@SAID
def test_a_whole_answer(target: Target, endpoint: str, said: Said) -> None:
    dialect, shape, _ = _SHAPES[endpoint]
    call = _call(endpoint, stream=False)
    answer = replace(target.provider.read(call, target.wire.answer(sayable(target, said))), raw=None)
    assert complaint(shape, json.loads(dialect.answer(call, answer))) is None


@WIRES
@EACH
@SAID
def test_every_event_of_a_stream(target: Target, endpoint: str, said: Said) -> None:
    dialect, _, shape = _SHAPES[endpoint]
    call = _call(endpoint, stream=True)
    steps = steps_of(target.provider.decoder(call, native=False), target.wire.stream(sayable(target, said)))
    writer = dialect.stream(call)
    usage = next((step.usage for step in reversed(steps) if step.usage), None)
    data = writer.open() + b"".join(writer.chunk(step.chunk) for step in steps if step.chunk) + writer.close(usage)
    found = [json.loads(frame.data) for frame in Splitter().feed(data) if frame.data != b"[DONE]"]
    assert found
    for event in found:
        for choice in event.get("choices", ()) if endpoint == "completions" else ():
            choice["finish_reason"] = choice["finish_reason"] or "stop"  # OpenAI streams null, which its paper forgot
        assert complaint(shape, event) is None, event


@pytest.mark.parametrize("target", those_with(Operation.EMBEDDINGS), ids=lambda target: target.name)
@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors(target: Target, encoding: str) -> None:
    body = {"model": "a-model", "input": ["text"], "encoding_format": encoding}
    call = OPENAI.read(Operation.EMBEDDINGS, json.dumps(body).encode(), Wishes())
    request = target.provider.build(call, target.place(model=target.wire.embedder))
    answer = target.provider.read(call, target.wire.vectors(request, VECTORS[:1], 3))
    written: Json = json.loads(OPENAI.answer(call, answer))
    if encoding == "base64":
        assert isinstance(written["data"][0]["embedding"], str)
        written["data"][0]["embedding"] = [0.5]  # the specification knows only numbers
    assert complaint("CreateEmbeddingResponse", written) is None


_ATTEMPT = AttemptReport("openai", "gpt-5", 500, "server_error", 12, "It broke.")


@EACH
@pytest.mark.parametrize("code", ERROR_CODES, ids=lambda code: code.code)
def test_every_error_whole_and_in_a_stream(endpoint: str, code: Any) -> None:
    dialect = _SHAPES[endpoint][0]
    problem = UpstreamFailed("It broke.", upstream_status=code.status, code=code.code, attempts=[_ATTEMPT])
    assert complaint("ErrorResponse", json.loads(dialect.error(problem, "req_1"))) is None
    for data in (dialect.failure(problem, "req_1"), dialect.stream(_call(endpoint, stream=True)).failure(problem, "r")):
        for frame in Splitter().feed(data):
            shape = "ResponseStreamEvent" if endpoint == "responses" else "ErrorResponse"
            assert complaint(shape, json.loads(frame.data)) is None, frame.data
