"""Recorded traffic of generateContent and its siblings, and its meaning read by a second, simple reader."""

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_array, is_object
from llmgateway.providers.base import UpstreamReply

_ROOT = Path(__file__).parents[2].parent / "shared" / "recorded"
_INTEGER_ENUMS = {"finishReason": ["", "STOP", "MAX_TOKENS", "SAFETY"], "modality": ["", "TEXT", "IMAGE", "VIDEO"]}
"""A few clients asked for enums as numbers; the gateway does not, and would be sent names."""


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    name: str
    wire: str
    operation: str
    model: str
    request: Json
    path: str
    reply: UpstreamReply

    @property
    def frames(self) -> list[Json]:
        """The JSON objects of the answer, whatever their framing."""
        text = self.reply.body.decode().replace("\r\n", "\n")
        if text.startswith("data:"):
            return [msgspec.json.decode(event[5:]) for event in text.split("\n\n") if event.startswith("data:")]
        value: Any = msgspec.json.decode(text)
        return value if is_array(value) else [value]


@dataclass
class Meaning:
    """What one candidate says."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]])
    signatures: set[str] = field(default_factory=set[str])
    cited: list[str] = field(default_factory=list[str])
    finish: str | None = None


@cache
def recordings(wire: str, operation: str, *folders: str) -> list[Recording]:
    """Recordings of a wire format by operation; empty where the folder is absent."""
    found: list[Recording] = []
    for folder in folders or ("gemini", "vertex"):
        for path in sorted((_ROOT / folder).glob("*.json")):
            case: Json = msgspec.json.decode(path.read_bytes())
            if case["wire_format"] != wire or case["operation"] != operation:
                continue
            response = case["response"]
            text = response.get("body_text")
            body = text.encode() if text is not None else msgspec.json.encode(_named(response["body"]))
            found.append(
                Recording(
                    name=f"{folder}/{path.stem}",
                    wire=wire,
                    operation=operation,
                    model=case["model"],
                    request=case["request"]["body"] or {},
                    path=case["request"]["url_path"],
                    reply=UpstreamReply(
                        response["status"], {name.lower(): value for name, value in response["headers"].items()}, body
                    ),
                )
            )
    return found


def each(found: list[Recording], *, failed: bool = False) -> pytest.MarkDecorator:
    """Parametrise over the recordings that succeeded (or failed), or skip loudly where there are none."""
    chosen = [recording for recording in found if (recording.reply.status >= 400) is failed]
    absent = pytest.param(None, marks=pytest.mark.skip(reason=f"NO RECORDED TRAFFIC in {_ROOT}: nothing was checked"))
    return pytest.mark.parametrize("recording", chosen or [absent], ids=[r.name for r in chosen] or ["absent"])


def meanings(frames: list[Json]) -> dict[int, Meaning]:
    """What an answer says, by candidate."""
    found: dict[int, Meaning] = {}
    for frame in frames:
        for candidate in frame.get("candidates", []):
            meaning = found.setdefault(candidate.get("index", 0), Meaning())
            meaning.finish = candidate.get("finishReason", meaning.finish)
            for part in candidate.get("content", {}).get("parts", []):
                _read_part(meaning, part)
            for support in candidate.get("groundingMetadata", {}).get("groundingSupports", []):
                chunks = candidate["groundingMetadata"]["groundingChunks"]
                sources = [chunks[index] for index in support["groundingChunkIndices"] if "web" in chunks[index]]
                meaning.cited += [support["segment"]["text"] for _ in sources]
    return found


def figures(frames: list[Json]) -> tuple[int, int, int, int] | None:
    """Prompt, completion, cached and reasoning tokens; None when nobody said."""
    said = [frame["usageMetadata"] for frame in frames if "totalTokenCount" in frame.get("usageMetadata", {})]
    if not said:
        return None
    names = (
        "promptTokenCount",
        "toolUsePromptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
    )
    prompt, tools, candidates, thoughts, cached = (said[-1].get(name, 0) for name in names)
    return prompt + tools, candidates + thoughts, cached, thoughts


def _read_part(meaning: Meaning, part: Json) -> None:
    if "functionCall" in part:
        meaning.calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
    elif part.get("thought"):
        meaning.thoughts += part["text"]
    else:
        meaning.text += part.get("text", "")
    if "thoughtSignature" in part:
        meaning.signatures.add(part["thoughtSignature"])


def _named(value: Any) -> Any:
    if is_array(value):
        return [_named(item) for item in value]
    if not is_object(value):
        return value
    made: Json = {}
    for name, item in value.items():
        names = _INTEGER_ENUMS.get(name)
        made[name] = names[item] if names and isinstance(item, int) else _named(item)
    return made
