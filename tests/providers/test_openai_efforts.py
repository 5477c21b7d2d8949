"""Thinking and efforts of Messages, as OpenAI's models take them."""

import json

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.providers.hosts.openai import OPENAI
from llmgateway.providers.hosts.openrouter import OPENROUTER
from llmgateway.providers.openai_compatible import OpenAICompatible
from tests.providers.calls import HELLO, chat, sent
from tests.providers.openai_building import LAB, PLACE

OFF: Json = {"thinking": {"type": "disabled"}}


def _asked(**fields: object) -> Call:
    body = {"model": "m", "max_tokens": 4_000, "messages": [HELLO], **fields}
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def _effort(host: OpenAICompatible, model: str, **fields: object) -> str | None:
    return sent(host.build(_asked(**fields), replace(PLACE, model=model))).get("reasoning_effort")


@pytest.mark.parametrize(
    ("model", "effort"),
    [
        ("gpt-5", "minimal"),
        ("gpt-5-mini-2025-08-07", "minimal"),
        ("gpt-5.1", "none"),
        ("gpt-5.4-mini", "none"),
        ("gpt-5.1-codex", "low"),
        ("o3", "low"),
        ("gpt-4.1", None),
    ],
)
def test_thinking_switched_off_is_the_least_effort_that_the_model_takes(model: str, effort: str | None) -> None:
    assert _effort(OPENAI, model, **OFF) == effort
    assert not OPENAI.refuses(_asked(**OFF), model)


def test_a_model_that_cannot_but_think_hard_has_it_named() -> None:
    assert OPENAI.refuses(_asked(**OFF), "gpt-5-pro") == ["thinking"]
    place = replace(PLACE, model="gpt-5-pro", dropped=frozenset({"thinking"}))
    assert "reasoning_effort" not in sent(OPENAI.build(_asked(**OFF), place))


@pytest.mark.parametrize(
    ("host", "model", "effort"),
    [
        (OPENAI, "gpt-5", "high"),
        (OPENAI, "gpt-5.1", "high"),
        (OPENAI, "gpt-5.2", "xhigh"),
        (OPENAI, "gpt-5.1-codex-max", "xhigh"),
        (OPENROUTER, "openai/gpt-5.2", "xhigh"),
        (LAB, "qwen3-32b", "high"),
    ],
)
def test_the_most_effort_is_the_most_that_the_model_takes(host: OpenAICompatible, model: str, effort: str) -> None:
    assert _effort(host, model, output_config={"effort": "max"}) == effort


def test_efforts_that_all_know_travel_on() -> None:
    assert _effort(OPENAI, "gpt-5", output_config={"effort": "low"}) == "low"
    assert _effort(OPENAI, "gpt-5", thinking={"type": "adaptive"}) == "high"
    assert _effort(OPENAI, "gpt-5-pro", output_config={"effort": "low"}) == "high"


def test_what_an_openai_caller_asks_is_not_touched() -> None:
    body = sent(OPENAI.build(chat({"reasoning_effort": "xhigh"}), replace(PLACE, model="gpt-5")))
    assert body["reasoning_effort"] == "xhigh"
