"""Embeddings, rerank, completions and token counts at every provider that has them; dialects that pass untouched where they are owned."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.providers.base import Provider, Step, UpstreamReply
from llmgateway.providers.bedrock.claude import BedrockClaude
from tests.conformance.meaning import Said
from tests.conformance.samples import VECTORS, steps_of
from tests.conformance.targets import OPENAI, TARGETS, Target, those_with
from tests.conformance.wires.anthropic import AnthropicWire, message_events
from tests.conformance.wires.base import Wire, events, reply
from tests.conformance.wires.invoked import InvokedWire
from tests.conformance.wires.openai_wire import OpenAIWire


def _each(operation: Operation) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("target", those_with(operation), ids=lambda target: target.name)


def _embed(body: Json) -> Call:
    whole = {"model": "a-model", "input": ["first text", "second text"], **body}
    return OPENAI.read(Operation.EMBEDDINGS, json.dumps(whole).encode(), Wishes())


def _few(target: Target, call: Call) -> Call:
    """The call as far as the target takes several texts at once; who does not, says so by name."""
    try:
        target.provider.build(call, target.place(model=target.wire.embedder))
    except BadRequest as refusal:
        if refusal.param == "input":
            canon = {**call.canon, "input": call.canon["input"][:1]}
            return replace(call, canon=canon, body=canon)
    return call


@_each(Operation.EMBEDDINGS)
@pytest.mark.parametrize("encoding", ["float", "base64", None])
def test_vectors_come_back_in_order_and_as_asked(target: Target, encoding: str | None) -> None:
    call = _few(target, _embed({"encoding_format": encoding} if encoding else {}))
    assert list(target.provider.refuses(call, target.wire.embedder)) == []
    request = target.provider.build(call, target.place(model=target.wire.embedder))
    texts: list[str] = call.canon["input"]
    assert all(text in request.body.decode() for text in texts)
    answer = target.provider.read(call, target.wire.vectors(request, VECTORS[: len(texts)], 8))
    assert answer.usage
    assert answer.usage.prompt_tokens == 8
    written = json.loads(OPENAI.answer(call, answer))
    assert [item["index"] for item in written["data"]] == list(range(len(texts)))
    found = [item["embedding"] for item in written["data"]]
    if encoding == "base64":
        assert all(isinstance(vector, str) for vector in found)
        again = replace(call, canon={**call.canon, "encoding_format": "float"})
        answer.body["data"] = written["data"]
        found = [item["embedding"] for item in json.loads(OPENAI.answer(again, answer))["data"]]
    assert found == VECTORS[: len(texts)]


@_each(Operation.EMBEDDINGS)
def test_dimensions_arrive_or_are_refused(target: Target) -> None:
    call = _few(target, _embed({"dimensions": 257}))
    refused = target.provider.refuses(call, target.wire.embedder)
    body: Json = json.loads(target.provider.build(call, target.place(model=target.wire.embedder)).body)
    assert list(refused) in ([], ["dimensions"])
    assert ("257" in json.dumps(body)) is not bool(refused)


def test_what_may_be_dropped_is_not_sent() -> None:
    target = next(one for one in TARGETS if one.name == "bedrock")
    older, call = "amazon.titan-embed-text-v1", _embed({"dimensions": 257, "input": "text"})
    refused = frozenset(target.provider.refuses(call, older))
    assert refused == {"dimensions"}
    assert b"257" not in target.provider.build(call, target.place(model=older, dropped=refused)).body


@_each(Operation.EMBEDDINGS)
def test_token_ids_arrive_or_are_refused(target: Target) -> None:
    call = _embed({"input": [4711, 4712]})
    if "input" in target.provider.refuses(call, target.wire.embedder):
        return
    if isinstance(target.wire, OpenAIWire):
        assert json.loads(target.provider.build(call, target.place()).body)["input"] == [4711, 4712]
        return
    with pytest.raises(BadRequest) as refusal:
        target.provider.build(call, target.place(model=target.wire.embedder))
    assert refusal.value.param == "input"


@_each(Operation.EMBEDDINGS)
def test_an_answer_without_vectors_is_a_failure(target: Target) -> None:
    for body in ({}, {"data": None}, {"embeddings": None}):
        with pytest.raises(ProviderError) as caught:
            target.provider.read(_embed({}), reply(body))
        assert caught.value.kind is FailureKind.PROTOCOL


@_each(Operation.RERANK)
@pytest.mark.parametrize("name", ["results", "data"])
def test_rerank_answers_in_one_shape_best_first(target: Target, name: str) -> None:
    body = {"model": "a-model", "query": "capital", "documents": ["Rome", {"text": "Bern"}], "top_n": 2}
    call = OPENAI.read(Operation.RERANK, json.dumps(body).encode(), Wishes())
    sent: Json = json.loads(target.provider.build(call, target.place()).body)
    assert sent["query"] == "capital"
    assert len(sent["documents"]) == 2
    assert 2 in (sent.get("top_n"), sent.get("top_k"))
    found = [{"index": 0, "relevance_score": 0.25}, {"index": 1, "relevance_score": 0.75}]
    answer = target.provider.read(call, reply({name: found, "usage": {"total_tokens": 9}}))
    assert [(item["index"], item["relevance_score"]) for item in answer.body["results"]] == [(1, 0.75), (0, 0.25)]
    assert answer.usage
    assert answer.usage.prompt_tokens == 9


@_each(Operation.COMPLETIONS)
def test_completions_pass_as_they_are(target: Target) -> None:
    body = {"model": "a-model", "prompt": "Once", "max_tokens": 5, "echo": True, "suffix": "end"}
    call = OPENAI.read(Operation.COMPLETIONS, json.dumps(body).encode(), Wishes())
    sent: Json = json.loads(target.provider.build(call, target.place()).body)
    assert all(sent[name] == value for name, value in body.items() if name != "model")
    usage = {"prompt_tokens": 1, "completion_tokens": 5, "total_tokens": 6}
    said = reply({"object": "text_completion", "choices": [{"text": "upon", "index": 0}], "usage": usage})
    answer = target.provider.read(call, said)
    assert answer.raw == said.body
    assert answer.usage
    assert answer.usage.completion_tokens == 5


MESSAGES, RESPONSES = AnthropicDialect(), ResponsesDialect()
_MESSAGE: Json = {"model": "a-model", "max_tokens": 9, "messages": [{"role": "user", "content": "Hello"}]}
_NATIVE: list[tuple[DialectWriter, Json]] = [
    (OPENAI, {"model": "a-model", "messages": [{"role": "user", "content": "Hello"}]}),
    (MESSAGES, _MESSAGE),
    (RESPONSES, {"model": "a-model", "input": "Hello", "store": False}),
]


def _owners() -> list[Any]:
    """(dialect, its call, target) wherever a target owns the dialect."""
    found = list[Any]()
    for dialect, body in _NATIVE:
        call = dialect.read(Operation.CHAT, json.dumps({**body, "stream": True}).encode(), Wishes())
        for target in TARGETS:
            if Operation.CHAT in target.provider.endpoints and target.provider.speaks(call):
                found.append(pytest.param(call, target, id=f"{dialect.id}-{target.name}"))
    return found


def _own_wire(target: Target, call: Call) -> Wire | None:
    """The wire of the caller's own dialect there; None for Responses, of which no sample is needed."""
    if call.dialect == "responses":
        return None
    if call.dialect == "openai":
        return OpenAIWire()
    return InvokedWire() if isinstance(target.provider, BedrockClaude) else AnthropicWire()


def _response_events() -> list[Json]:
    usage = {"input_tokens": 40, "output_tokens": 20, "total_tokens": 60}
    done: Json = {"id": "resp_1", "status": "completed", "output": [], "usage": usage}
    return [
        {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}},
        {"type": "response.output_text.delta", "sequence_number": 1, "delta": "Grüße — 🙂"},
        {"type": "response.completed", "sequence_number": 2, "response": done},
    ]


@pytest.mark.parametrize(("call", "target"), _owners())
def test_an_owned_stream_passes_byte_by_byte_wherever_it_is_cut(call: Call, target: Target) -> None:
    said = Said(text="Grüße — 🙂")
    wire = _own_wire(target, call)
    data = events(_response_events(), named=True) if wire is None else wire.stream(said)
    wanted = events(message_events(said), named=True) if isinstance(wire, InvokedWire) else data

    def read(*pieces: bytes) -> list[Step]:
        return steps_of(target.provider.decoder(call, native=True), *pieces)

    for place in range(len(data)):
        steps = read(data[:place], data[place:])
        assert _plain(b"".join(step.raw for step in steps)) == _plain(wanted)
        assert [step.finish for step in steps if step.finish] == ["stop"]
        assert "".join(step.text for step in steps) == said.text
        usage = [step.usage for step in steps if step.usage][-1]
        assert (usage.prompt_tokens, usage.completion_tokens) == (40, 20)


def _plain(stream: bytes) -> list[Any]:
    """Frames, whatever escapes their JSON has."""
    return [json.loads(line[5:]) for line in stream.split(b"\n") if line.startswith(b"data: {")]


@pytest.mark.parametrize(("call", "target"), _owners())
def test_an_owned_body_passes_untouched_but_for_what_the_host_needs(call: Call, target: Target) -> None:
    place = target.place(stream=True)
    sent: Json = json.loads(target.provider.build(call, place).body)
    for name, value in call.body.items():
        if name not in {"model", "stream"}:
            assert sent[name] == value
    extra = sent.keys() - call.body.keys()
    assert extra <= {"anthropic_version", "stream_options"}, extra


@pytest.mark.parametrize(
    "target", [one for one in TARGETS if Operation.COUNT_TOKENS in one.provider.endpoints], ids=lambda one: one.name
)
def test_tokens_are_counted_by_the_provider_itself(target: Target) -> None:
    body = {name: value for name, value in _MESSAGE.items() if name != "max_tokens"}
    call = MESSAGES.read(Operation.COUNT_TOKENS, json.dumps(body).encode(), Wishes())
    assert list(target.provider.refuses(call, target.model)) == []
    assert "Hello" in target.provider.build(call, target.place()).body.decode()
    answer = target.provider.read(call, _counted(target.provider))
    assert answer.body["input_tokens"] == 12
    with pytest.raises(ProviderError):
        target.provider.read(call, UpstreamReply(200, {}, b"{}"))


def _counted(provider: Provider) -> UpstreamReply:
    del provider
    return reply({"input_tokens": 12, "inputTokens": 12, "totalTokens": 12})
