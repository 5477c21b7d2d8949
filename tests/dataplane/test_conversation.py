"""What a span carries of a conversation, where it may."""

import json
from typing import Any

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.dataplane.conversation import conversation


def _call(*messages: Any, operation: Operation = Operation.CHAT) -> Call:
    body = {"model": "m", "messages": list(messages)}
    return Call(operation=operation, dialect=Dialect.OPENAI, model="m", stream=False, body=body, canon=body)


def test_roles_texts_and_calls_are_written_as_the_conventions_say() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Oslo"}'}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    told = conversation(
        _call(
            {"role": "system", "content": "Be short"},
            {"role": "user", "content": [{"type": "text", "text": "Weather?"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
        ),
        "It rains.",
    )
    assert json.loads(told["gen_ai.input.messages"]) == [
        {"role": "system", "parts": [{"type": "text", "content": "Be short"}]},
        {"role": "user", "parts": [{"type": "text", "content": "Weather?"}, {"type": "image_url"}]},
        {"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": '{"city":"Oslo"}'}]},
        {"role": "tool", "parts": [{"type": "text", "content": "rain"}]},
    ]
    assert json.loads(told["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "It rains."}]}
    ]


def test_long_texts_are_cut() -> None:
    told = conversation(_call({"role": "user", "content": "x" * 100_000}), "y" * 100_000)
    assert len(told["gen_ai.input.messages"]) < 40_000
    assert len(told["gen_ai.output.messages"]) < 40_000


def test_other_operations_have_no_conversation() -> None:
    assert conversation(_call(operation=Operation.EMBEDDINGS), "") == {}
