"""A request as Claude Code sends it reaches every model: no field of it is a 400 elsewhere, and nothing strange is sent on."""

from typing import Final

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from tests.conformance.dialects import CLIENTS
from tests.conformance.targets import Target, those_with
from tests.conformance.wires.openai_wire import OpenAIWire

_MARK: Final[Json] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
_SCHEMA: Final[Json] = {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]}
BODY: Final[Json] = {
    "model": "a-model",
    "max_tokens": 32_000,
    "stream": True,
    "temperature": 1,
    "system": [
        {"type": "text", "text": "You are Claude Code.", **_MARK},
        {"type": "text", "text": "Be concise.", **_MARK},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder>\nx\n</system-reminder>"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "I list the files.", "signature": "c2ln"},
                {"type": "text", "text": "I'll look."},
                {"type": "tool_use", "id": "toolu_01", "name": "Bash", "input": {"command": "ls"}},
                {"type": "tool_use", "id": "toolu_02", "name": "Bash", "input": {"command": "pwd"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": "a.py", "is_error": False},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_02",
                    "content": [{"type": "text", "text": "/x"}],
                    **_MARK,
                },
            ],
        },
    ],
    "tools": [
        {"name": "Bash", "description": "Runs a command", "input_schema": _SCHEMA, "eager_input_streaming": True},
        {"name": "Later", "description": "Waits", "input_schema": _SCHEMA, "defer_loading": False, **_MARK},
    ],
    "thinking": {"type": "adaptive"},
    "output_config": {"effort": "high"},
    "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
    "metadata": {"user_id": "user_" + "0" * 64 + "_account__session_0b5c6a3e"},
}
_SENT: Final = frozenset(
    {"model", "messages", "max_tokens", "max_completion_tokens", "stream", "stream_options", "temperature", "tools",
     "reasoning_effort", "user"}
)  # fmt: skip
LEFT_OUT: Final = {"user", "metadata", "thinking", "reasoning_effort"}
"""What may be left out where it is unknown, and told."""
CHATS: Final = [target for target in those_with(Operation.CHAT) if "claude" not in target.name]


@pytest.mark.parametrize("target", CHATS, ids=lambda target: target.name)
def test_claude_code_reaches_every_model(target: Target) -> None:
    call = CLIENTS[1].call(BODY)
    refused = frozenset(target.provider.refuses(call, target.model))
    assert refused <= LEFT_OUT
    request = target.provider.build(call, target.place(stream=True, dropped=refused))
    asked = target.wire.asked(target.provider, request)
    assert "You are Claude Code." in asked.system
    assert asked.calls == (("Bash", {"command": "ls"}), ("Bash", {"command": "pwd"}))
    assert asked.results == ("a.py", "/x")
    assert [name for name, _, _ in asked.settings["tools"]] == ["Bash", "Later"]
    assert asked.settings["max_tokens"] == 32_000


@pytest.mark.parametrize(
    "target", [one for one in CHATS if isinstance(one.wire, OpenAIWire)], ids=lambda target: target.name
)
def test_compatible_hosts_are_sent_nothing_strange(target: Target) -> None:
    call = CLIENTS[1].call(BODY)
    refused = frozenset(target.provider.refuses(call, target.model))
    body = target.wire.sent(target.provider.build(call, target.place(stream=True, dropped=refused)))
    assert body.keys() <= _SENT
    assert all(tool.keys() <= {"type", "function", "cache_control"} for tool in objects(body["tools"]))
    assert len(body.get("user", "")) <= 64
    fields = {name for message in objects(body["messages"]) for name in message}
    assert fields <= {"role", "content", "tool_calls", "tool_call_id", "reasoning_content", "cache_control"}
