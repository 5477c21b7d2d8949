"""What is refused, or left out, is named where the caller wrote it, in whichever dialect that was."""

import json
from typing import Any

import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.gemini.declaration import GEMINI
from tests.conformance.targets import Target, those_with
from tests.providers.gemini_building import PLACE

SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}}
FILE: Json = {"type": "document", "source": {"type": "file", "file_id": "f"}}
ADDRESS: Json = {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}}
NOVA = "amazon.nova-pro-v1:0"


def messages(**fields: Any) -> Call:
    body: Json = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())


def responses(**fields: Any) -> Call:
    return ResponsesDialect().read(
        Operation.CHAT, json.dumps({"model": "m", "input": "Hi", **fields}).encode(), Wishes()
    )


def refused(call: Call) -> list[str]:
    """What Nova and Gemini cannot honour, as the caller reads it."""
    names = [*BEDROCK.refuses(call, NOVA), *GEMINI.refuses(call, "gemini-2.0-flash")]
    return list(dict.fromkeys(map(call.in_body, names)))


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"stop_sequences": list("abcdef")}, ["stop_sequences"]),
        ({"metadata": {"user_id": "u"}}, ["metadata.user_id"]),
        ({"output_config": {"effort": "high"}}, ["output_config.effort"]),
        ({"thinking": {"type": "adaptive"}}, ["thinking"]),
        ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}, ["output_config.format"]),
        ({"output_format": {"type": "json_schema", "schema": SCHEMA}}, ["output_format"]),
        ({"tools": [{"name": "f", "input_schema": SCHEMA, "strict": True}]}, ["tools.0.strict"]),
        ({"tools": [{"type": "web_search_20250305", "name": "web_search"}]}, ["tools.0.type"]),
        (
            {
                "tools": [{"name": "f", "input_schema": SCHEMA}],
                "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
            },
            ["tool_choice.disable_parallel_tool_use"],
        ),
    ],
)
def test_settings_of_messages(fields: Json, names: list[str]) -> None:
    assert refused(messages(**fields)) == names


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"reasoning": {"effort": "high"}}, ["reasoning.effort"]),
        ({"text": {"format": {"type": "json_schema", "name": "x", "schema": SCHEMA}}}, ["text.format"]),
        ({"text": {"verbosity": "low"}}, ["text.verbosity"]),
        ({"include": ["message.output_text.logprobs"]}, ["include"]),
        ({"tools": [{"type": "function", "name": "f", "parameters": SCHEMA, "strict": True}]}, ["tools[0].strict"]),
    ],
)
def test_settings_of_responses(fields: Json, names: list[str]) -> None:
    assert refused(responses(**fields))[: len(names)] == names


def test_logprobs_of_responses_are_asked_for_in_one_of_two_ways() -> None:
    assert responses(top_logprobs=2).in_body("logprobs") == "top_logprobs"


def test_instructions_are_a_message() -> None:
    assert responses(instructions="Be brief.").in_body("messages.0.content") == "instructions"


HISTORY: list[Json] = [
    {"role": "user", "content": "Look."},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "text", "text": "So."},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
            {"type": "tool_use", "id": "t2", "name": "f", "input": {}},
        ],
    },
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Here."},
            {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "1"}, ADDRESS]},
            FILE,
            {"type": "tool_result", "tool_use_id": "t3", "content": "2"},
        ],
    },
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": [ADDRESS]},
]


@pytest.mark.parametrize("system", ["", "Be kind.", [{"type": "text", "text": "Be kind."}]])
def test_blocks_of_messages_are_told_by_their_own_places(system: Any) -> None:
    """Results come first in canon, each as a message, and the system prompt before all."""
    call = messages(system=system, messages=HISTORY)
    found = [call.in_body(name) for name in BEDROCK.refuses(call, NOVA)]
    assert found == ["messages.2.content.1.content.1.type", "messages.2.content.2.type", "messages.4.content.0.type"]
    first = len(objects(call.canon["messages"])) - 7
    assert first == (1 if system else 0)
    assert call.in_body(f"messages.{first + 1}.tool_calls.1") == "messages.1.content.3"
    assert call.in_body(f"messages.{first + 1}.tool_calls.1.function.arguments") == "messages.1.content.3.input"
    assert call.in_body(f"messages.{first + 3}.tool_call_id") == "messages.2.content.3.tool_use_id"
    assert call.in_body(f"messages.{first + 6}.content.0.image_url.url") == "messages.4.content.0.source.url"
    assert not system or call.in_body("messages.0.content") == "system"


def test_a_result_that_answers_no_call_is_told_by_its_place() -> None:
    call = messages(system="Be kind.", messages=[HISTORY[0], HISTORY[2]])
    with pytest.raises(BadRequest) as wrong:
        GEMINI.build(call, PLACE)
    assert call.in_body(wrong.value.param or "") == "messages.1.content.1.tool_use_id"


@pytest.mark.parametrize(
    ("tool", "param"),
    [
        ({"type": "function", "function": {"name": "f", "parameters": SCHEMA}}, "tools[0].name"),
        ({"type": "function", "name": "", "parameters": SCHEMA}, "tools[0].name"),
        ({"type": "function", "name": "f", "parameters": "none"}, "tools[0].parameters"),
    ],
)
def test_a_tool_of_responses_has_no_function_inside(tool: Json, param: str) -> None:
    """The first is written as chat has it: told that `function.name` is missing, its author would look at it in vain."""
    with pytest.raises(BadRequest) as wrong:
        responses(tools=[tool])
    assert wrong.value.param == param
    assert f"`{param}`" in wrong.value.message


@pytest.mark.parametrize("target", those_with(Operation.CHAT), ids=lambda target: target.name)
def test_a_cache_that_is_to_be_warmed_without_an_answer_is_claudes_matter(target: Target) -> None:
    """`max_tokens` is 0, and that is what who cannot do it is told by."""
    call = messages(max_tokens=0)
    refused = [call.in_body(name) for name in target.provider.refuses(call, target.model)]
    if target.provider.speaks(call):
        assert json.loads(target.provider.build(call, target.place()).body)["max_tokens"] == 0
    assert refused == ([] if target.provider.speaks(call) else ["max_tokens"])
