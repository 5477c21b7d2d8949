"""A Messages stream put together is the message that Anthropic would have sent whole."""

import json

import pytest

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import Json
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.anthropic.joining import joined
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.hosts.openai import OPENAI
from tests.providers.calls import chat
from tests.providers.streams import decoded

HEAD: Json = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
USAGE: Json = {"input_tokens": 9, "cache_read_input_tokens": 3, "service_tier": "priority", "inference_geo": "us"}
TOOLS: Json = {"web_search_requests": 0, "web_fetch_requests": 2}
CONTAINER: Json = {"id": "container_1", "expires_at": "2026-01-02T00:00:00Z"}
EDITS: Json = {"applied_edits": [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 2}]}
SEARCH: Json = {"type": "web_fetch_tool_result", "tool_use_id": "srvtoolu_1", "content": {"type": "web_fetch_result"}}
CITATION: Json = {"type": "char_location", "cited_text": "x", "document_index": 0}
BLOCKS: list[tuple[Json, list[Json]]] = [
    (
        {"type": "thinking", "thinking": "", "signature": ""},
        [
            {"type": "thinking_delta", "thinking": "Let "},
            {"type": "thinking_delta", "thinking": "me"},
            {"type": "signature_delta", "signature": "c2ln"},
        ],
    ),
    (
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_fetch", "input": {}},
        [
            {"type": "input_json_delta", "partial_json": '{"url": '},
            {"type": "input_json_delta", "partial_json": '"u"}'},
        ],
    ),
    (SEARCH, []),
    (
        {"type": "text", "text": ""},
        [
            {"type": "text_delta", "text": "So \ud83d"},
            {"type": "text_delta", "text": "\ude00"},
            {"type": "citations_delta", "citation": CITATION},
        ],
    ),
    ({"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}}, []),
    ({"type": "compaction", "content": None}, [{"type": "compaction_delta", "content": "All "}] * 2),
]
WHOLE: list[Json] = [
    {"type": "thinking", "thinking": "Let me", "signature": "c2ln"},
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_fetch", "input": {"url": "u"}},
    SEARCH,
    {"type": "text", "text": "So \U0001f600", "citations": [CITATION]},
    {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}},
    {"type": "compaction", "content": "All All "},
]


def _stream() -> bytes:
    events: list[Json] = [{"type": "message_start", "message": {**HEAD, "usage": USAGE}}, {"type": "ping"}]
    for index, (start, deltas) in enumerate(BLOCKS):
        events.append({"type": "content_block_start", "index": index, "content_block": start})
        events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        events.append({"type": "content_block_stop", "index": index})
    end = {"stop_reason": "tool_use", "stop_sequence": None, "container": CONTAINER}
    used = {"output_tokens": 7, "server_tool_use": TOOLS, "cache_read_input_tokens": None}
    events += [
        {"type": "message_delta", "delta": end, "usage": used, "context_management": EDITS},
        {"type": "message_stop"},
    ]
    return b"".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events)


@pytest.mark.parametrize("seed", [None, 1])
def test_nothing_that_only_anthropic_says_is_lost(seed: int | None) -> None:
    call = chat(dialect=Dialect.ANTHROPIC)
    body = joined(decoded(ANTHROPIC.decoder(call, native=True), _stream(), seed))
    assert json.loads(body) == {
        **HEAD,
        "content": WHOLE,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "container": CONTAINER,
        "context_management": EDITS,
        "usage": {**USAGE, "output_tokens": 7, "server_tool_use": TOOLS},
    }
    answer = ANTHROPIC.read(call, UpstreamReply(200, {}, body))
    assert (answer.raw, answer.finish) == (body, "tool_calls")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 7)


def test_it_is_for_callers_who_speak_the_language() -> None:
    assert ANTHROPIC.join(chat(dialect=Dialect.ANTHROPIC)) is joined
    assert ANTHROPIC.join(chat()) is None
    assert OPENAI.join(chat()) is None
