"""Recorded traffic on OpenAI's wire, and its meaning read by a second, simple reader."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects
from llmgateway.providers.base import Provider, UpstreamReply
from llmgateway.providers.openai_compatible import OpenAICompatible, compatible_host
from llmgateway.providers.registry import PROVIDERS

_ROOT = Path(__file__).parents[2].parent / "shared" / "recorded"
_DAMAGED = frozenset(
    {
        "chat--test-azure-test-prompt-content-filtering-0-64db0",  # a 400 that is stored as a 200
        "chat_stream--test-tapes-315-addbc",  # cut in the middle of an event
    }
)
_REASONS = {"eos": "stop", "": None}


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    name: str
    folder: str
    request: Json
    reply: UpstreamReply

    @property
    def provider(self) -> OpenAICompatible:
        """Who declares the host; a server of the operator's own where nobody does."""
        found: Provider | None = next((p for p in PROVIDERS if p.id == self.folder), None)
        return found if isinstance(found, OpenAICompatible) else compatible_host(self.folder, "http://localhost/v1")

    @property
    def whole(self) -> Json:
        return msgspec.json.decode(self.reply.body)

    @property
    def frames(self) -> list[Json]:
        """The JSON objects of a stream."""
        lines = [line[5:].strip() for line in self.reply.body.decode().split("\n") if line.startswith("data:")]
        return [msgspec.json.decode(line) for line in lines if line not in ("", "[DONE]")]


@dataclass
class Meaning:
    """What one choice says."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    finish: str | None = None


@cache
def recordings(wire: str, operation: str) -> list[Recording]:
    """Recordings by wire format and operation; empty where the folder is absent."""
    found: list[Recording] = []
    for path in sorted(_ROOT.glob("*/*.json")):
        case: Json = msgspec.json.decode(path.read_bytes())
        wanted = case["wire_format"] == wire and case["operation"] == operation and path.stem not in _DAMAGED
        if not wanted or not case["request"].get("body"):
            continue
        response = case["response"]
        text = response.get("body_text")
        body = text.encode() if text is not None else msgspec.json.encode(response["body"])
        headers = {name.lower(): value for name, value in response["headers"].items()}
        reply = UpstreamReply(response["status"], headers, body)
        found.append(Recording(f"{path.parent.name}/{path.stem}", path.parent.name, case["request"]["body"], reply))
    return found


def each(found: list[Recording]) -> pytest.MarkDecorator:
    """A test for each recording; one loud skip where there are none."""
    if not found:
        return pytest.mark.skip(reason=f"NOT JUDGED: no recorded traffic in {_ROOT}")
    return pytest.mark.parametrize("recording", found, ids=lambda recording: recording.name)


def meaning(choice: Json) -> Meaning:
    """What a whole choice says, by the documentation of the hosts."""
    message: Json = choice["message"]
    calls = [
        (call["function"]["name"], _arguments(call["function"].get("arguments")))
        for call in objects(message.get("tool_calls"))
    ]
    reason = choice.get("finish_reason")
    text, thoughts = _content(message)
    return Meaning(text, thoughts, calls, _REASONS.get(reason, reason) if reason is not None else None)


def _arguments(given: Any) -> Any:
    if given is not None and not isinstance(given, str):
        return given
    try:
        return msgspec.json.decode(given or "{}")
    except msgspec.DecodeError:
        return given  # cut off by max_tokens


def _content(message: Json) -> tuple[str, str]:
    content = message.get("content")
    details = "".join(
        detail.get("text") or detail.get("summary") or "" for detail in objects(message.get("reasoning_details"))
    )
    thoughts = message.get("reasoning_content") or message.get("reasoning") or details
    if content is None or isinstance(content, str):
        return content or "", thoughts
    if is_object(content):
        return msgspec.json.encode(content).decode(), thoughts
    text = "".join(part.get("text") or "" for part in objects(content) if part["type"] != "thinking")
    inner = [piece.get("text") or "" for part in objects(content) for piece in objects(part.get("thinking"))]
    return text, thoughts or "".join(inner)
