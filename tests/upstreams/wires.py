"""What a provider says on OpenAI's and Anthropic's wires: heads, events and whole answers of sixty words."""

import json
from typing import Any, Protocol

Json = dict[str, Any]
WORDS = tuple(f"w{number} " for number in range(60))
TEXT = "".join(WORDS)


class Speaker(Protocol):
    """Who is asked, and on which wire."""

    model: str
    anthropic: bool


def head(status: int, kind: str, headers: dict[str, str]) -> bytes:
    lines = [
        f"HTTP/1.1 {status} X",
        f"content-type: {kind}",
        *(f"{n.replace('_', '-')}: {v}" for n, v in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _frame(data: Json, event: str) -> bytes:
    name = f"event: {event}\n" if event else ""
    return f"{name}data: {json.dumps(data)}\n\n".encode()


def frames(asked: Speaker, words: tuple[str, ...]) -> list[bytes]:
    """[opening, one frame a word ..., closing (with the finish reason), terminator]."""
    if asked.anthropic:
        usage = {"input_tokens": 9, "output_tokens": 1, "service_tier": "standard"}
        start: Json = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        }  # fmt: skip
        block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
        opening = _frame({"type": "message_start", "message": start}, "message_start")
        opening += _frame(block, "content_block_start")
        deltas = [
            _frame(
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}},
                "content_block_delta",
            )
            for word in words
        ]
        end = {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": len(words)},
        }
        closing = _frame({"type": "content_block_stop", "index": 0}, "content_block_stop") + _frame(
            end, "message_delta"
        )
        return [opening, *deltas, closing, _frame({"type": "message_stop"}, "message_stop")]
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1700000000, "model": asked.model}

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        return _frame({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}, "")

    usage = {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9 + len(words)}
    closing = chunk({}, "stop") + _frame({**common, "choices": [], "usage": usage}, "")
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": word}) for word in words),
        closing,
        b"data: [DONE]\n\n",
    ]


def message(asked: Speaker, words: tuple[str, ...]) -> Json:
    text = "".join(words)
    if asked.anthropic:
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": asked.model, "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": text}],
            "usage": {"input_tokens": 9, "output_tokens": len(words)},
        }  # fmt: skip
    usage = {"prompt_tokens": 9, "completion_tokens": len(words), "total_tokens": 9 + len(words)}
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1700000000, "model": asked.model,
        "choices": [choice], "usage": usage,
    }  # fmt: skip
