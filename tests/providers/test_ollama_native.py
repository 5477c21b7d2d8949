"""Ollama's own API: JSON lines, options apart, tool arguments as objects."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Place, Step, UpstreamReply
from llmgateway.providers.ollama_native.declaration import OLLAMA_NATIVE as OLLAMA

Json = dict[str, Any]
NOW = datetime(2026, 11, 5, tzinfo=UTC)
ASK: Json = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


def _call(body: Json, operation: Operation = Operation.CHAT) -> Call:
    return OpenAIDialect().read(operation, json.dumps(body).encode(), Wishes())


def _sent(body: Json, operation: Operation = Operation.CHAT, base: str = "http://o:1") -> tuple[str, Json]:
    request = OLLAMA.build(_call(body, operation), Place(model="llama3.2", base_url=base, stream=False, now=NOW))
    return request.url, json.loads(request.body)


def _lines(*lines: Json) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


STREAM = _lines(
    {"model": "llama3.2", "message": {"role": "assistant", "content": "", "thinking": "Hm"}, "done": False},
    {"model": "llama3.2", "message": {"role": "assistant", "content": "Hel"}, "done": False},
    {"model": "llama3.2", "message": {"role": "assistant", "content": "lo"}, "done": False},
    {
        "model": "llama3.2",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 7,
        "eval_count": 3,
    },
)


def test_sampling_becomes_options_and_zero_is_kept() -> None:
    _, body = _sent({**ASK, "temperature": 0, "max_tokens": 5, "stop": "x", "seed": 1, "keep_alive": "5m"})
    assert body["options"] == {"temperature": 0, "num_predict": 5, "stop": ["x"], "seed": 1}
    assert (body["stream"], body["keep_alive"], body["model"]) == (False, "5m", "llama3.2")


@pytest.mark.parametrize("base", ["http://o:1", "http://o:1/v1", "http://o:1/api"])
def test_any_of_its_base_urls_does(base: str) -> None:
    assert _sent(ASK, base=base)[0] == "http://o:1/api/chat"


def test_a_conversation_with_tools_and_pictures() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, picture]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    _, body = _sent({**ASK, "messages": messages, "tools": [tool], "reasoning_effort": "high"})
    assert body["messages"] == [
        {"role": "user", "content": "Look", "images": ["QUJD"]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}],
        },
        {"role": "tool", "content": "rain", "tool_name": "weather"},
    ]
    assert (body["tools"], body["think"]) == ([tool], "high")


def test_a_schema_is_the_format() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    assert _sent({**ASK, "response_format": form})[1]["format"] == {"type": "object"}
    assert _sent({**ASK, "response_format": {"type": "json_object"}})[1]["format"] == "json"


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"tool_choice": "required"}, "tool_choice"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}
                ]
            },
            "messages.0.content.0",
        ),
    ],
)
def test_what_it_cannot_is_refused_by_name(more: Json, path: str) -> None:
    assert list(OLLAMA.refuses(_call({**ASK, **more}), "m")) == [path]


def test_a_whole_answer() -> None:
    calls = [{"function": {"name": "weather", "arguments": {"city": "Oslo"}}}]
    said = {"model": "llama3.2", "message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": True}
    said |= {"done_reason": "stop", "prompt_eval_count": 7, "eval_count": 3}
    answer = OLLAMA.read(_call(ASK), UpstreamReply(200, {}, json.dumps(said).encode()))
    choice = answer.body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert choice["message"]["tool_calls"][0]["id"].startswith("call_")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (7, 3)


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_cut_anywhere_reads_the_same(cuts: list[int]) -> None:
    decoder, steps = OLLAMA.decoder(_call(ASK), native=False), list[Step]()
    places = [0, *sorted(cuts), len(STREAM)]
    for start, end in pairwise(places):
        steps += decoder.feed(STREAM[start:end])
    steps += decoder.close()
    assert "".join(step.text for step in steps) == "HmHello"
    assert [step.finish for step in steps if step.finish] == ["stop"]
    assert steps[-1].end
    usage = [step.usage for step in steps if step.usage][-1]
    assert (usage.prompt_tokens, usage.completion_tokens) == (7, 3)
    assert steps[0].chunk is not None
    assert steps[0].chunk["choices"][0]["delta"] == {"role": "assistant", "reasoning_content": "Hm"}


def test_an_error_in_mid_stream_is_one() -> None:
    steps = OLLAMA.decoder(_call(ASK), native=False).feed(_lines({"error": "model runner has unexpectedly stopped"}))
    assert steps[0].error is not None
    assert "unexpectedly stopped" in steps[0].error.message


@pytest.mark.parametrize(("status", "kind"), [(404, FailureKind.NOT_FOUND), (500, FailureKind.SERVER_ERROR)])
def test_errors_by_their_status(status: int, kind: FailureKind) -> None:
    error = OLLAMA.classify(UpstreamReply(status, {}, b'{"error":"model \\"x\\" not found, try pulling it first"}'))
    assert error.kind is kind
    assert "not found" in error.message


def test_embeddings() -> None:
    body = {"model": "m", "input": ["a", "b"], "dimensions": 2}
    url, sent = _sent(body, Operation.EMBEDDINGS)
    assert (url, sent) == ("http://o:1/api/embed", {"model": "llama3.2", "input": ["a", "b"], "dimensions": 2})
    answer = OLLAMA.read(
        _call(body, Operation.EMBEDDINGS),
        UpstreamReply(200, {}, b'{"model":"m","embeddings":[[0.1,0.2],[0.3,0.4]],"prompt_eval_count":4}'),
    )
    assert [item["embedding"] for item in answer.body["data"]] == [[0.1, 0.2], [0.3, 0.4]]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == 4


def test_an_answer_without_a_message_is_none() -> None:
    with pytest.raises(ProviderError):
        OLLAMA.read(_call(ASK), UpstreamReply(200, {}, b"{}"))
