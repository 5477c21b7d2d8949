"""The canned traffic: requests as a client sends them, answers and stream frames as providers send them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

PROMPT = (
    "Summarise in one sentence why a company would put a gateway between its applications and its language models, "
    "and name the two things such a gateway must never get wrong, please. Keep it short."
)
WORDS = 200
"""Content frames of one stream."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a client: the path it posts to and the body."""

    path: str
    body: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


def openai_request(model: str, *, stream: bool = False) -> Request:
    """A chat completion as OpenAI's SDK asks for it."""
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 256}
    return Request("/v1/chat/completions", json.dumps(body | ({"stream": True} if stream else {})))


def anthropic_request(model: str, *, stream: bool = False) -> Request:
    """The same as Anthropic's SDK asks for it."""
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 256}
    return Request("/v1/messages", json.dumps(body | ({"stream": True} if stream else {})))


def openai_answer() -> str:
    """A whole answer of OpenAI."""
    message = {"role": "assistant", "content": "So that cost and failure stay in one place: money and honesty."}
    return json.dumps(
        {
            "id": "chatcmpl-bench",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "gpt-4.1",
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 41, "completion_tokens": 14, "total_tokens": 55},
        }
    )


def openai_frames() -> list[bytes]:
    """One stream of OpenAI: a role, WORDS words, a finish reason, usage and the terminator."""
    head = {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1700000000, "model": "gpt-4.1"}

    def chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _data({**head, "choices": [choice]})

    usage = {"prompt_tokens": 41, "completion_tokens": WORDS, "total_tokens": 41 + WORDS}
    return [
        chunk({"role": "assistant", "content": ""}),
        *(chunk({"content": f" word{place}"}) for place in range(WORDS)),
        chunk({}, "stop"),
        _data({**head, "choices": (), "usage": usage}),
        b"data: [DONE]\n\n",
    ]


def anthropic_frames() -> list[bytes]:
    """One stream of Anthropic with WORDS text deltas."""
    message: dict[str, object] = {
        "id": "msg_bench",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 41, "output_tokens": 1},
    }

    def word(place: int) -> bytes:
        delta = {"type": "text_delta", "text": f" word{place}"}
        return _event({"type": "content_block_delta", "index": 0, "delta": delta})

    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return [
        _event({"type": "message_start", "message": message}),
        _event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        *(word(place) for place in range(WORDS)),
        _event({"type": "content_block_stop", "index": 0}),
        _event({"type": "message_delta", "delta": end, "usage": {"output_tokens": WORDS}}),
        _event({"type": "message_stop"}),
    ]


def _data(payload: object) -> bytes:
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def _event(payload: dict[str, object]) -> bytes:
    return f"event: {payload['type']}\n".encode() + _data(payload)
