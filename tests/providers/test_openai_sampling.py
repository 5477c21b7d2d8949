"""Temperatures and stop sequences that OpenAI's models are known to refuse."""

import pytest

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.providers.azure.declaration import AZURE
from llmgateway.providers.hosts.openai import OPENAI
from tests.providers.calls import chat, sent
from tests.providers.openai_building import LAB, PLACE

COOL: Json = {"temperature": 0.2}
FIVE: Json = {"stop": ["a", "b", "c", "d", "e"]}
STOP: Json = {"stop": ["a"]}
CASES: list[tuple[str, Json, list[str]]] = [
    ("gpt-4.1", COOL, []),
    ("gpt-4.1", FIVE, ["stop"]),
    ("gpt-4.1", {"stop": ["a", "b", "c", "d"]}, []),
    ("o3", STOP, ["stop"]),
    ("o4-mini-2025-04-16", STOP, ["stop"]),
    ("o3-mini", STOP, []),
    ("o3-mini", {**COOL, "top_p": 0.5}, ["temperature", "top_p"]),
    ("o1", {"temperature": 1, "top_p": 1.0}, []),
    ("gpt-5-mini", COOL, ["temperature"]),
    ("gpt-5-2025-08-07", {"temperature": 0}, ["temperature"]),
    ("gpt-5-chat-latest", COOL, []),
    ("gpt-5.1", COOL, []),
    ("gpt-5.1", {**COOL, "reasoning_effort": "none"}, []),
    ("gpt-5.1", {**COOL, "reasoning_effort": "low"}, ["temperature"]),
    ("gpt-5.1", {**COOL, "reasoning_effort": "low", "thinking": {"type": "disabled"}}, []),
    ("my-deployment", {**COOL, **STOP}, []),
]


@pytest.mark.parametrize(("model", "asked", "untaken"), CASES)
def test_a_caller_of_messages_is_refused_by_name(model: str, asked: Json, untaken: list[str]) -> None:
    for host in (OPENAI, AZURE):
        assert list(host.refuses(chat(asked, Dialect.ANTHROPIC), model)) == untaken
    assert list(LAB.refuses(chat(asked, Dialect.ANTHROPIC), model)) == []


@pytest.mark.parametrize(("model", "asked", "untaken"), CASES)
def test_a_caller_of_chat_is_only_doubted(model: str, asked: Json, untaken: list[str]) -> None:
    call = chat(asked)
    assert list(OPENAI.refuses(call, model)) == []
    assert list(OPENAI.doubts(call, model)) == untaken
    assert list(LAB.doubts(call, model)) == []
    assert sent(OPENAI.build(call, PLACE)) == {**call.body, "model": "served"}
