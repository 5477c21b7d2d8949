"""What models on Amazon Bedrock accept, read from their names: cache points, and a limit of one tool call at a time.

Pages: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html (supported models) and
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-tool-use.html.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.providers.anthropic.models import claude_model

_NOVA: Final = re.compile(r"amazon\.nova-(2-)?(micro|lite|pro|premier)\b")


@dataclass(frozen=True, slots=True)
class Caching:
    """Where a model takes cache points. An unknown model gets none, since it might refuse the request."""

    content: bool = False
    """After system texts and the content of messages."""
    tools: bool = False
    """After tools, tool calls and results."""
    lifetimes: bool = False
    """Whether a cache point may have a `ttl`."""

    def behind_content(self, marked: Json) -> list[Json]:
        """The cache point that Anthropic's marker on a content means."""
        return self._point(marked) if self.content else []

    def behind_tool(self, marked: Json) -> list[Json]:
        """The same for a tool, a call or a result."""
        return self._point(marked) if self.tools else []

    def _point(self, marked: Json) -> list[Json]:
        marker = marked.get("cache_control")
        if not is_object(marker):
            return []
        lifetime = {"ttl": marker["ttl"]} if self.lifetimes and marker.get("ttl") else {}
        return [{"cachePoint": {"type": "default", **lifetime}}]


def is_claude(model: str) -> bool:
    """Whether Anthropic made the model, as its name tells; an application inference profile's does not."""
    return "claude" in model


def takes_one_at_a_time(model: str, choice: object) -> bool:
    """Whether the model can be limited to one tool call at a time: Claude from 4.5 on, unless the call forces a tool."""
    return is_claude(model) and claude_model(model).version >= (4, 5) and choice in (None, "auto")


@lru_cache(maxsize=1024)
def caching(model: str) -> Caching:
    """Where the model takes cache points."""
    if _NOVA.search(model):
        return Caching(content=True)
    if not is_claude(model):
        return Caching()
    claude = claude_model(model)
    caches = claude.version >= (3, 7) or (claude.line, claude.version) == ("haiku", (3, 5))
    return Caching(content=caches, tools=caches, lifetimes=claude.version >= (4, 5))
