"""Ids of tool calls of one maker in a history that goes to another."""

import json
import re

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.bedrock.turns import turns
from llmgateway.providers.hosts.mistral import MISTRAL
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.providers.calls import HELLO, sent
from tests.providers.openai_building import LAB, PLACE

OF_VLLM = "chatcmpl-tool-0123456789abcdef0123456789abcdef"
OTHERS = ("call_PTLP8xhu3uwZk4l3nlnrrJha", "toolu_1", "call_a", "functions.f:0", OF_VLLM)


def _chat(*ids: str) -> Call:
    calls: list[Json] = [{"id": one, "type": "function", "function": {"name": "f", "arguments": "{}"}} for one in ids]
    results: list[Json] = [{"role": "tool", "tool_call_id": one, "content": "1"} for one in ids]
    body: Json = {"model": "m", "messages": [HELLO, {"role": "assistant", "tool_calls": calls}, *results]}
    return OpenAIDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def _messages(*ids: str) -> Call:
    used: list[Json] = [{"type": "tool_use", "id": one, "name": "f", "input": {}} for one in ids]
    results: list[Json] = [{"type": "tool_result", "tool_use_id": one, "content": "1"} for one in ids]
    history: list[Json] = [
        {"role": "user", "content": "hello"},
        {"role": "assistant", "content": used},
        {"role": "user", "content": results},
    ]
    body: Json = {"model": "m", "max_tokens": 9, "messages": history}
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def _ids(call: Call, host: OpenAICompatible) -> list[str]:
    """The ids of the calls as they are sent; the results name the same."""
    _, said, *results = sent(host.build(call, PLACE))["messages"]
    made = [one["id"] for one in said["tool_calls"]]
    assert [result["tool_call_id"] for result in results] == made
    return made


@pytest.mark.parametrize("call", [_chat(*OTHERS), _messages(*OTHERS)], ids=["chat", "messages"])
def test_mistral_gets_ids_in_its_own_form(call: Call) -> None:
    made = _ids(call, MISTRAL)
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in made)
    assert len({*made}) == len(OTHERS)
    assert made == _ids(call, MISTRAL)


def test_ids_of_mistral_go_back_to_it_as_they_were() -> None:
    assert _ids(_chat("D681PevKs", "toolu_1"), MISTRAL)[0] == "D681PevKs"


@pytest.mark.parametrize("host", [OPENAI, AZURE], ids=lambda host: host.id)
@pytest.mark.parametrize("call", [_chat(*OTHERS), _messages(*OTHERS)], ids=["chat", "messages"])
def test_openai_gets_only_ids_that_are_short_enough(host: OpenAICompatible, call: Call) -> None:
    *short, long = _ids(call, host)
    assert tuple(short) == OTHERS[:-1]
    assert long != OF_VLLM
    assert len(long) <= 40


def test_a_server_of_ones_own_gets_every_id_as_it_is() -> None:
    assert tuple(_ids(_chat(*OTHERS), LAB)) == OTHERS


def test_bedrock_gets_ids_in_its_own_form_that_stay_different() -> None:
    long = "a" * 70
    chat = _chat(f"{long}x", f"{long}y", "a/b", "a_b")
    history: list[Json] = turns(chat.canon["messages"], "anthropic.claude-sonnet-4-5-20250929-v1:0").messages
    made = [block["toolUse"]["toolUseId"] for block in history[1]["content"]]
    assert [block["toolResult"]["toolUseId"] for block in history[2]["content"]] == made
    assert all(re.fullmatch("[a-zA-Z0-9_.:-]{1,64}", one) for one in made)
    assert len({*made}) == 4
    assert made[-1] == "a_b"
