"""Recorded traffic of a provider, by its wire format."""

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.providers.base import UpstreamReply

_ROOT = Path(__file__).parents[2].parent / "shared" / "recorded"


@dataclass(frozen=True)
class Recording:
    """One exchange."""

    name: str
    request: Json
    path: str
    reply: UpstreamReply
    stream: bool
    model: str


@cache
def recordings(provider: str, wire: str) -> list[Recording]:
    """All recordings of a provider's wire; empty where the folder is absent."""
    found: list[Recording] = []
    for path in sorted((_ROOT / provider).glob("*.json")):
        case: Json = msgspec.json.decode(path.read_bytes())
        if case["wire_format"] != wire:
            continue
        response = case["response"]
        body = msgspec.json.encode(response.get("body"))
        if "body_text" in response:
            body = response["body_text"].encode()
        elif "body_base64" in response:
            body = base64.b64decode(response["body_base64"])
        headers = {name.lower(): value for name, value in response["headers"].items()}
        found.append(
            Recording(
                name=path.stem,
                request=case["request"]["body"] or {},
                path=case["request"]["url_path"],
                reply=UpstreamReply(response["status"], headers, body),
                stream=case["operation"].endswith("_stream"),
                model=case.get("model") or "",
            )
        )
    return found


def each(found: list[Recording]) -> pytest.MarkDecorator:
    """Parametrise over recordings, or skip loudly where there are none."""
    absent = pytest.param(None, marks=pytest.mark.skip(reason=f"NO RECORDED TRAFFIC in {_ROOT}: nothing was checked"))
    return pytest.mark.parametrize("recording", found or [absent], ids=[r.name for r in found] or ["absent"])
