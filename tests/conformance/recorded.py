"""Recorded exchanges of real providers, each with the target that would have had it (../shared/recorded)."""

import base64
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
import pytest

from llmgateway.canon.chat import Json
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.openai_compatible import compatible_host
from tests.conformance.targets import TARGETS, Target
from tests.conformance.wires.anthropic import AnthropicWire
from tests.conformance.wires.base import Wire
from tests.conformance.wires.bedrock import BedrockWire
from tests.conformance.wires.cohere import CohereWire
from tests.conformance.wires.gemini import GeminiWire
from tests.conformance.wires.ollama import OllamaWire
from tests.conformance.wires.openai_wire import OpenAIWire

ROOT: Final = Path(__file__).parents[3] / "shared" / "recorded"
_WIRES: Final[dict[str, type[Wire]]] = {
    "openai.chat": OpenAIWire,
    "anthropic.messages": AnthropicWire,
    "google.generateContent": GeminiWire,
    "bedrock.converse": BedrockWire,
    "cohere.v2.chat": CohereWire,
    "ollama.chat": OllamaWire,
}
_DAMAGED: Final = frozenset(
    {
        "chat--test-azure-test-prompt-content-filtering-0-64db0",  # a 400 that is stored as a 200
        "chat_stream--test-tapes-315-addbc",  # cut in the middle of an event
    }
)


@dataclass(frozen=True)
class Exchange:
    """What a provider once answered."""

    name: str
    target: Target
    reply: UpstreamReply
    stream: bool
    choices: int


@cache
def exchanges() -> tuple[Exchange, ...]:
    """All chats in a wire that the target of the folder speaks; none where the folder is absent."""
    found: list[Exchange] = []
    for path in sorted(ROOT.glob("*/*.json")):
        case: Json = msgspec.json.decode(path.read_bytes())
        wire = _WIRES.get(case["wire_format"])
        if wire is None or case["operation"] not in {"chat", "chat_stream"} or path.stem in _DAMAGED:
            continue
        target = _target(path.parent.name, wire)
        if target is not None:
            asked: Json = case["request"].get("body") or {}
            stream = case["operation"] == "chat_stream"
            name = f"{path.parent.name}/{path.stem}"
            found.append(Exchange(name, target, _reply(case["response"]), stream, asked.get("n") or 1))
    return tuple(found)


def each(found: list[Exchange]) -> pytest.MarkDecorator:
    """A test for each exchange; one loud skip where there are none."""
    if not found:
        return pytest.mark.skip(reason=f"NOT JUDGED: no recorded traffic in {ROOT}")
    return pytest.mark.parametrize("exchange", found, ids=lambda exchange: exchange.name)


def _target(folder: str, wire: type[Wire]) -> Target | None:
    name = "ollama_native" if wire is OllamaWire else folder
    found = [target for target in TARGETS if target.host.id == name and isinstance(target.wire, wire)]
    if found:
        return found[0]
    if any(target.host.id == folder for target in TARGETS) or wire is not OpenAIWire:
        return None  # another surface of a provider that is asked by its own
    host = compatible_host(folder, "http://localhost/v1")
    return Target(folder, host, host, OpenAIWire(), "a-model", "a-model")


def _reply(response: Json) -> UpstreamReply:
    if "body_text" in response:
        body = response["body_text"].encode()
    elif "body_base64" in response:
        body = base64.b64decode(response["body_base64"])
    else:
        body = msgspec.json.encode(response.get("body"))
    return UpstreamReply(response["status"], {name.lower(): value for name, value in response["headers"].items()}, body)
