"""Whatever a chat asks arrives at every provider, or is refused by name; nothing is lost in silence."""

import json

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Operation
from llmgateway.providers.ollama_native.declaration import Ollama
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.conformance.features import FEATURES, Feature, outcome
from tests.conformance.targets import Target, chat, those_with

CHATS = pytest.mark.parametrize("target", those_with(Operation.CHAT), ids=lambda target: target.name)


TRANSLATED = [one for one in those_with(Operation.CHAT) if not isinstance(one.provider, (OpenAICompatible, Ollama))]


@CHATS
@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_it_arrives_or_is_refused_by_name(target: Target, feature: Feature) -> None:
    outcome(target, feature)


@CHATS
def test_documented_defaults_are_refused_by_nobody(target: Target) -> None:
    defaults = {
        "n": 1, "temperature": 1, "top_p": 1, "presence_penalty": 0, "frequency_penalty": 0, "logprobs": False,
        "store": False, "response_format": {"type": "text"}, "service_tier": "auto", "logit_bias": {}, "stop": None,
        "parallel_tool_calls": True, "modalities": ["text"], "seed": None, "user": None, "tools": None,
    }  # fmt: skip
    assert list(target.provider.refuses(chat(defaults), target.model)) == []


@pytest.mark.parametrize("role", ["system", "developer"])
@pytest.mark.parametrize("target", TRANSLATED, ids=lambda target: target.name)
def test_where_nobody_but_the_system_speaks_its_last_message_is_the_users(target: Target, role: str) -> None:
    """OpenAI answers a chat of system messages; the others want a turn of the user."""
    last = {"role": role, "content": "Say hello."}
    for before, system in (([], ""), ([{"role": "system", "content": "Be brief."}], "Be brief.")):
        request = target.provider.build(chat({"messages": [*before, last]}), target.place())
        asked = target.wire.asked(target.provider, request)
        assert (asked.system, asked.user) == (system, ("Say hello.",))


@CHATS
def test_a_stream_is_asked_for_as_one(target: Target) -> None:
    call = chat({}, stream=True)
    whole = target.provider.build(call, target.place(stream=False))
    stream = target.provider.build(call, target.place(stream=True))
    said = [json.loads(request.body).get("stream", False) for request in (whole, stream)]
    assert (stream.url != whole.url and "stream" in stream.url.lower()) or said == [False, True]


@CHATS
def test_a_call_is_never_changed(target: Target) -> None:
    body = {"temperature": 0.5, "tools": [{"type": "function", "function": {"name": "f"}}], "stop": "END"}
    call = chat(body)
    before = json.dumps(call.body)
    dropped = frozenset(target.provider.refuses(call, target.model))
    target.provider.build(call, replace(target.place(), dropped=dropped))
    assert json.dumps(call.body) == before
