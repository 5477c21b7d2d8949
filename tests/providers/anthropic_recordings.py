"""Recorded traffic of the Messages API, and its meaning read by a second, simple reader."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects, text_of

_ROOT = Path(__file__).parents[2].parent / "shared" / "recorded"


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    name: str
    request: Json
    path: str
    status: int
    headers: dict[str, str]
    body: bytes
    stream: bool

    @property
    def whole(self) -> Json:
        return cast("Json", msgspec.json.decode(self.body))


@dataclass
class Meaning:
    """What an answer says, in no API's words."""

    id: str = ""
    text: str = ""
    thinking: str = ""
    signatures: list[str] = field(default_factory=list[str])
    calls: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    stop: str | None = None
    input: int = 0
    output: int = 0
    cached: int = 0
    written: int = 0
    urls: list[str] = field(default_factory=list[str])
    blocks: list[Json] = field(default_factory=list[Json])


@cache
def recordings(operation: str = "chat") -> list[Recording]:
    """All recordings of the Messages API, whoever hosts it; empty where the folder is absent."""
    found: list[Recording] = []
    for path in sorted(_ROOT.glob("*/*.json")):
        if path.parent.name not in {"anthropic", "azure", "vertex"}:
            continue
        case: Json = msgspec.json.decode(path.read_bytes())
        native = case["wire_format"] == "anthropic.messages" or path.name.startswith("count_tokens--test-")
        if not native or path.name.split("--")[0].removesuffix("_stream") != operation:
            continue
        response = case["response"]
        text = response.get("body_text")
        body = text.encode() if text is not None else msgspec.json.encode(response["body"])
        request: Json = case["request"]["body"] or {}
        found.append(
            Recording(
                name=f"{path.parent.name}/{path.stem}",
                request={"model": case["model"], **request},
                path=case["request"]["url_path"],
                status=response["status"],
                headers={name.lower(): value for name, value in response["headers"].items()},
                body=body,
                stream=text is not None,
            )
        )
    return found


def each(found: list[Recording]) -> pytest.MarkDecorator:
    """Parametrise over recordings, or skip loudly where there are none."""
    absent = pytest.param(None, marks=pytest.mark.skip(reason=f"NO RECORDED TRAFFIC in {_ROOT}: nothing was checked"))
    return pytest.mark.parametrize("recording", found or [absent], ids=[r.name for r in found] or ["absent"])


def events(body: bytes) -> list[Json]:
    """The JSON of each event."""
    lines = body.replace(b"\r\n", b"\n").split(b"\n")
    return [msgspec.json.decode(line[5:]) for line in lines if line.startswith(b"data:")]


def final_message(recording: Recording) -> Json:
    """The message of the answer, accumulated where it came as events."""
    return accumulated(events(recording.body)) if recording.stream else recording.whole


def accumulated(found: list[Json]) -> Json:
    """One message from the events of a stream."""
    message: Json = {}
    blocks: dict[int, Json] = {}
    written: dict[int, str] = {}
    for event in found:
        index = event.get("index", 0)
        match event["type"]:
            case "message_start":
                message = dict(event["message"])
            case "content_block_start":
                blocks[index] = dict(event["content_block"])
            case "content_block_delta":
                _grow(blocks[index], event["delta"], written, index)
            case "message_delta":
                message.update({name: value for name, value in event["delta"].items() if value is not None})
                said = {name: value for name, value in event.get("usage", {}).items() if value is not None}
                message["usage"] = {**message.get("usage", {}), **said}
            case _:
                pass
    for index, text in written.items():
        if text:
            blocks[index]["input"] = msgspec.json.decode(text)
    message["content"] = [blocks[index] for index in sorted(blocks)]
    return message


def _grow(block: Json, delta: Json, written: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] = block.get("text", "") + delta["text"]
        case "thinking_delta":
            block["thinking"] = block.get("thinking", "") + delta["thinking"]
        case "signature_delta":
            block["signature"] = block.get("signature", "") + delta["signature"]
        case "input_json_delta":
            written[index] = written.get(index, "") + delta["partial_json"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta["citation"]]
        case _:
            pass


def meaning(message: Json) -> Meaning:
    """What a Messages answer says."""
    found = Meaning(id=message["id"], stop=message["stop_reason"], blocks=message["content"])
    for block in message["content"]:
        match block["type"]:
            case "text":
                found.text += block["text"]
                found.urls += [text_of(c.get("url")) for c in objects(block.get("citations")) if c.get("url")]
            case "thinking":
                found.thinking += block["thinking"]
                found.signatures.append(block.get("signature", ""))
            case "tool_use":
                found.calls.append((block["id"], block["name"], block["input"]))
            case _:
                pass
    usage = message["usage"]
    billed: list[Json] = usage.get("iterations") or [usage]
    found.cached = sum(part.get("cache_read_input_tokens") or 0 for part in billed)
    found.written = sum(part.get("cache_creation_input_tokens") or 0 for part in billed)
    found.input = sum(part["input_tokens"] for part in billed) + found.cached + found.written
    found.output = sum(part["output_tokens"] for part in billed)
    return found
