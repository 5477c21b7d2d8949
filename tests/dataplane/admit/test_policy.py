"""What an organisation blocks, wherever it stands in a request."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.contract.snapshot import Policy
from llmgateway.dataplane.admit.policy import check
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest

POLICY = Policy(blocked_words=("tulip",))
ASKED = [{"role": "user", "content": "hi"}]
NAMED_DATA = {"type": "object", "properties": {"data": {"type": "string", "description": "a tulip"}}}
TOOL = {"name": "f", "description": "Finds a tulip", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "system", "content": "a TULIP"}, *ASKED]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "tulip."}]}]},
        {"messages": ASKED, "tools": [{"type": "function", "function": TOOL}]},
        {"messages": ASKED, "functions": [TOOL]},
        {"messages": ASKED, "tools": [{"type": "function", "function": {"name": "f", "parameters": NAMED_DATA}}]},
        {
            "messages": ASKED,
            "response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": NAMED_DATA}},
        },
        {"messages": ASKED, "prediction": {"type": "content", "content": "a tulip"}},
    ],
)
def test_a_blocked_word_is_found_anywhere_in_a_chat(body: dict[str, Any]) -> None:
    _refused(OpenAIDialect(), body)


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 5, "system": "tulip", "messages": ASKED},
        {
            "max_tokens": 5,
            "messages": ASKED,
            "tools": [{"name": "f", "description": "tulip", "input_schema": {"type": "object"}}],
        },
    ],
)
def test_a_blocked_word_is_found_anywhere_in_a_message(body: dict[str, Any]) -> None:
    _refused(AnthropicDialect(), body)


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.EMBEDDINGS, {"input": ["a", "a tulip"]}),
        (Operation.COMPLETIONS, {"prompt": "a tulip"}),
        (Operation.COMPLETIONS, {"prompt": "a", "suffix": "tulip"}),
        (Operation.RERANK, {"query": "tulip", "documents": ["a"]}),
        (Operation.RERANK, {"query": "a", "documents": ["a", "tulip"]}),
    ],
)
def test_a_blocked_word_is_found_wherever_else_something_is_asked(operation: Operation, body: dict[str, Any]) -> None:
    _refused(OpenAIDialect(), body, operation)


@pytest.mark.parametrize(
    "body",
    [
        {"input": "a tulip"},
        {"input": "hi", "instructions": "tulip"},
        {"input": "hi", "prompt": {"id": "pmpt_1", "variables": {"flower": "tulip"}}},
        {"input": "hi", "text": {"format": {"type": "json_schema", "name": "s", "schema": NAMED_DATA}}},
        {"input": "hi", "tools": [{"type": "function", **TOOL}]},
        {"input": [{"type": "custom_tool_call_output", "call_id": "c", "output": "a tulip"}]},
        {"input": [{"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "a tulip"}]}]},
    ],
)
def test_a_blocked_word_is_found_anywhere_in_a_response(body: dict[str, Any]) -> None:
    _refused(ResponsesDialect(), body)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text", "text": "tulips"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,tulip"}},
        {"type": "input_audio", "input_audio": {"data": "tulip", "format": "wav"}},
        {"type": "file", "file": {"file_data": "tulip"}},
    ],
)
def test_other_words_and_pictures_are_not_looked_into(part: dict[str, Any]) -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": [part]}]}
    check(POLICY, OpenAIDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes()), 1)


def test_what_only_a_provider_understands_is_not_looked_into() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": "tulip"}
    said = [{"role": "assistant", "content": [thinking, {"type": "text", "text": "hi"}]}, *ASKED]
    body = msgspec.json.encode({"model": "m", "max_tokens": 5, "messages": said})
    check(POLICY, AnthropicDialect().read(Operation.CHAT, body, Wishes()), 1)
    google = {"role": "assistant", "content": "hi", "extra_content": {"google": {"thought_signature": "tulip"}}}
    chat = msgspec.json.encode({"model": "m", "messages": [*ASKED, google, *ASKED]})
    check(POLICY, OpenAIDialect().read(Operation.CHAT, chat, Wishes()), 1)
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "tulip"},
        {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,tulip"}]},
        {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": "tulip"},
    ]
    response = msgspec.json.encode({"model": "m", "input": items})
    check(POLICY, ResponsesDialect().read(Operation.CHAT, response, Wishes()), 1)


def _refused(
    dialect: OpenAIDialect | AnthropicDialect | ResponsesDialect,
    body: dict[str, Any],
    operation: Operation = Operation.CHAT,
) -> None:
    call = dialect.read(operation, msgspec.json.encode({"model": "m", **body}), Wishes())
    with pytest.raises(BadRequest) as refusal:
        check(POLICY, call, 1)
    assert refusal.value.code == "policy_violation"
    assert "tulip" not in refusal.value.message


def test_as_many_and_long_words_as_may_be_entered_are_looked_for() -> None:
    """One pattern of them all is more than the engine takes."""
    words = tuple(f"{number:03d}" + "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}" * 197 for number in range(500))
    for word in (words[0], words[499].lower()):
        call = OpenAIDialect().read(Operation.CHAT, _chat(f"see {word}."), Wishes())
        with pytest.raises(BadRequest, match="a blocked word"):
            check(Policy(blocked_words=words), call, 5)
    check(Policy(blocked_words=words), OpenAIDialect().read(Operation.CHAT, _chat("hi"), Wishes()), 5)


def _chat(said: str) -> bytes:
    return msgspec.json.encode({"model": "m", "messages": [{"role": "user", "content": said}]})


@pytest.mark.parametrize("near", ["7tulip", "tulip7", "_tulip", "tulip_"])
def test_a_word_is_no_part_of_another(near: str) -> None:
    check(POLICY, OpenAIDialect().read(Operation.CHAT, _chat(near), Wishes()), 1)
