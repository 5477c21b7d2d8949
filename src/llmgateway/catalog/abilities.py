"""What models can do, by their names: the families of data/families.yaml, each with its maker's page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import msgspec

from llmgateway.catalog.own_data import own_data

_HOST_PREFIX: Final = re.compile(
    r"^(?:ft:)?(?:(?:global|regional|us|eu|apac|jp|au|us-gov)\.)?(?:[a-z]+\.)?(?:databricks-)?(?=[a-z])"
)
"""Bedrock puts a region and a maker before the name, Databricks its own, OpenAI `ft:` before a fine-tuned model's base."""


class Ability(StrEnum):
    """What a model can take or do."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    RERANK = "rerank"
    VISION = "vision"
    """Images in the prompt."""
    AUDIO = "audio"
    """Sound in the prompt."""
    DOCUMENTS = "documents"
    """PDF files in the prompt."""
    TOOLS = "tools"
    JSON_SCHEMA = "json_schema"
    """Answers held to a schema."""
    REASONING = "reasoning"
    """Reasons before it answers, so that its first token may take long."""
    PREFILL = "prefill"
    """Continues a last message of the assistant."""


@dataclass(frozen=True, slots=True)
class Traits:
    """What a model's name tells of it. None means unknown, not no."""

    maker: str | None = None
    abilities: frozenset[Ability] | None = None
    max_output: int | None = None
    """The most tokens that one answer may have."""
    context: int | None = None
    """The most tokens of input that it takes."""
    source: str | None = None
    """The page that says so."""
    thinks_when_asked: bool = False
    """Whether it reasons only in requests that ask for it."""

    def can(self, ability: Ability) -> bool | None:
        """Whether the model can; None where nothing is known about it."""
        return None if self.abilities is None else ability in self.abilities


class _Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry of data/families.yaml; `match` is tried at the start of the bare name, the first entry that fits counts."""

    match: str
    maker: str
    source: str
    abilities: frozenset[Ability] = frozenset()
    max_output: int | None = None
    context: int | None = None
    thinks_when_asked: bool = False


class _Host(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a host changes what its models can do."""

    source: str
    adds: frozenset[Ability]
    """What all chat models can do at this host."""
    unless: frozenset[Ability] = frozenset()
    """Models with one of these abilities are left as they are."""


class _Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    families: tuple[_Family, ...]
    hosts: dict[str, _Host]


class Families:
    """The families, compiled."""

    def __init__(self, families: Sequence[_Family], hosts: Mapping[str, _Host]) -> None:
        self._families = [(re.compile(family.match), _traits(family)) for family in families]
        self._hosts = hosts

    def traits(self, provider: str, model: str) -> Traits:
        """What is known of a model by its name, whether or not the catalogue has a price for it."""
        bare = bare_name(model)
        found = next((traits for pattern, traits in self._families if pattern.match(bare)), None)
        if found is None or found.abilities is None:
            return Traits()
        host = self._hosts.get(provider)
        if host is None or Ability.CHAT not in found.abilities or host.unless & found.abilities:
            return found
        return replace(found, abilities=found.abilities | host.adds)


def load_families() -> Families:
    """Read data/families.yaml."""
    data = msgspec.convert(own_data("families.yaml").content, _Data)
    return Families(data.families, data.hosts)


def bare_name(model: str) -> str:
    """The maker's own name of a model: `us.anthropic.claude-haiku-4-5` and `meta-llama/Llama-3` without what the host put before it."""
    return _HOST_PREFIX.sub("", model.lower().rpartition("/")[2], count=1)


def _traits(family: _Family) -> Traits:
    return Traits(
        family.maker,
        family.abilities,
        family.max_output,
        family.context,
        family.source,
        thinks_when_asked=family.thinks_when_asked,
    )
