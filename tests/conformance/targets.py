"""Everybody the suite asks: each provider of the registry, in each language it speaks. Nothing is listed by hand."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.providers.anthropic.declaration import Anthropic
from llmgateway.providers.base import Place, Provider
from llmgateway.providers.bedrock.converse import Converse
from llmgateway.providers.cohere.declaration import Cohere
from llmgateway.providers.gemini.declaration import Gemini
from llmgateway.providers.ollama_native.declaration import Ollama
from llmgateway.providers.openai_compatible import OpenAICompatible, compatible_host
from llmgateway.providers.registry import PROVIDERS
from llmgateway.providers.vertex.declaration import Vertex
from tests.conformance.wires.anthropic import AnthropicWire
from tests.conformance.wires.base import Wire
from tests.conformance.wires.bedrock import BedrockWire
from tests.conformance.wires.cohere import CohereWire
from tests.conformance.wires.gemini import GeminiWire
from tests.conformance.wires.ollama import OllamaWire
from tests.conformance.wires.openai_wire import OpenAIWire

OPENAI: Final = OpenAIDialect()
_WIRES: Final[Mapping[type[Provider], Wire]] = MappingProxyType(
    {
        OpenAICompatible: OpenAIWire(),
        Anthropic: AnthropicWire(),
        Gemini: GeminiWire(),
        Vertex: GeminiWire(),
        Converse: BedrockWire(),
        Cohere: CohereWire(),
        Ollama: OllamaWire(),
    }
)
"""Class of a language -> its wire. A language that is new needs its samples here, and fails loudly until it has them."""
_CLAUDE: Final = "anthropic.claude-sonnet-4-5"


@dataclass(frozen=True)
class Target:
    """One language at one provider."""

    name: str
    host: Provider
    provider: Provider
    """Who speaks: the host itself, or its language for some makers' models."""
    wire: Wire
    model: str
    reasoner: str

    def place(self, *, model: str = "", stream: bool = False, dropped: frozenset[str] = frozenset()) -> Place:
        """Somewhere to send a request; all that the host needs is set."""
        needed = {name: f"a-{name}" for name in self.host.needs}
        options = {**needed, "project": "a-project", "region": "us-east-1"}
        base_url = self.host.base_url
        for name, value in needed.items():
            base_url = base_url.replace(f"{{{name}}}", value)
        return Place(
            model=model or self.model,
            base_url=base_url,
            secrets={name: f"secret-{name}" for name in self.host.credential},
            options=options,
            stream=stream,
            now=datetime(2026, 1, 2, tzinfo=UTC),
            dropped=dropped,
        )


def chat(body: Json, *, stream: bool = False) -> Call:
    """A call as a client of OpenAI writes it."""
    whole = {"model": "a-model", "messages": [{"role": "user", "content": "Hello"}], "stream": stream, **body}
    return OPENAI.read(Operation.CHAT, json.dumps(whole).encode(), Wishes())


def _wire(language: Provider) -> Wire:
    for kind in type(language).__mro__:
        if kind in _WIRES:
            return _WIRES[kind]
    raise AssertionError(f"{language.id} speaks {type(language).__name__}: write its wire for the conformance suite.")


def _targets() -> list[Target]:
    found: list[Target] = []
    own_server = replace(compatible_host("openai_compatible", "http://localhost:8000/v1"), title="Any other server")
    for host in (*PROVIDERS, own_server):
        wire = _wire(host)
        found.append(Target(host.id, host, host.language(wire.model), wire, wire.model, wire.reasoner))
        language = host.language(_CLAUDE)
        if language is not host.language(wire.model):
            name = f"{host.id}/claude"
            found.append(Target(name, host, language, _wire(language), _CLAUDE, _CLAUDE))
    return found


TARGETS: Final = tuple(_targets())


def those_with(operation: Operation) -> list[Target]:
    """The targets that have an endpoint."""
    return [target for target in TARGETS if operation in target.provider.endpoints]


def one_a_wire() -> list[Target]:
    """One target for each language: what differs between hosts of one language is declared, and tested elsewhere."""
    found: dict[type[Wire], Target] = {}
    for target in those_with(Operation.CHAT):
        found.setdefault(type(target.wire), target)
    return list(found.values())
