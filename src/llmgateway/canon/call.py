"""A Call: one request as the caller meant it, whatever dialect it was written in."""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final, cast

import msgspec

from llmgateway.canon.chat import ChatRequest, Json
from llmgateway.canon.embeddings import EmbeddingsRequest
from llmgateway.canon.shapes import is_array

_STEP: Final = re.compile(r"[^.\[\]]+")


class Operation(StrEnum):
    """What is asked for."""

    CHAT = "chat"
    EMBEDDINGS = "embeddings"
    COUNT_TOKENS = "count_tokens"
    COMPLETIONS = "completions"
    RERANK = "rerank"


class Dialect(StrEnum):
    """The language that the caller speaks."""

    OPENAI = "openai"
    """/v1/chat/completions, /v1/embeddings, /v1/completions, /v1/rerank."""
    ANTHROPIC = "anthropic"
    """/v1/messages."""
    RESPONSES = "responses"
    """/v1/responses."""


class Wishes(msgspec.Struct, frozen=True):
    """What the caller asked for by header."""

    drop_unsupported: bool = False
    """`x-llmgateway-unsupported: drop`: leave out what a target cannot honour, and name it."""
    cache_seconds: int | None = None
    """`x-llmgateway-cache: SECONDS`; 0 is off, None leaves it to the configuration."""
    cache_read: bool = True
    cache_write: bool = True
    retries_itself: bool = False
    """Whether this is a retry by the caller's library (`x-stainless-retry-count`), which will send it again if it fails."""
    retain: bool = True
    """False for `x-llmgateway-retention: none`."""
    forward: Mapping[str, str] = {}
    """Headers that belong to the dialect and go to a provider that owns it: `anthropic-version`, `anthropic-beta`."""
    fault: str | None = None
    """`x-llmgateway-fault`, for test keys: `429`, `500`, `timeout`, `stall`, `cut:N` or `drop:N`."""

    @property
    def severed(self) -> bool:
        """Whether a failure of this call breaks the connection off without an error (the fault `drop`)."""
        return self.fault is not None and self.fault.startswith("drop")

    @property
    def silenced(self) -> bool:
        """Whether the caller wants silence without keepalives (the faults `timeout` and `stall`)."""
        return self.fault in {"timeout", "stall"}


class Terms(msgspec.Struct, frozen=True):
    """The terms of a request that have prices of their own; the words are those of the answer's `Usage`."""

    tier: str | None = None
    """The service tier; None leaves it to the provider, whose account may have a default other than the standard one."""
    speed: str | None = None
    region: str | None = None
    """Where the model shall run."""

    def at(self, host: "Terms") -> "Terms":
        """These terms at a host, whose settings say where it runs and may say the default tier."""
        if self is USUAL:
            return host
        return Terms(self.tier or host.tier, self.speed, host.region or self.region)


USUAL: Final = Terms()


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request, read and checked.

    `body` is the decoded body in the caller's own dialect, `canon` the same in OpenAI's shape (for the OpenAI dialect
    both are one object). Neither may be changed after the Call is made: translators copy.
    """

    operation: Operation
    dialect: Dialect
    model: str
    """The name the caller asked for, unresolved."""
    stream: bool
    body: Json
    canon: Json
    include_usage: bool = False
    """The caller asked for OpenAI's usage chunk."""
    wishes: Wishes = msgspec.field(default_factory=Wishes)
    left_out: frozenset[str] = frozenset()
    """What the caller asked for beside it, and nobody can honour: the operation asked in its place has no word for it and
    the caller allowed it to be dropped, or it refers to what was never stored."""

    body_paths: Callable[[str], Mapping[str, str]] = lambda _: {}
    """Given a top-level field of the canon (`messages`, `tools`, ...): paths in the canon -> paths in the caller's body, where
    the dialect names or counts them in another way.

    A function, because a history has many paths and most requests need none.
    """

    @property
    def prompts(self) -> int:
        """How many prompts the call has: those of /v1/completions; any other call has one."""
        given: object = self.canon.get("prompt") if self.operation is Operation.COMPLETIONS else None
        return len(given) if is_array(given) and not all(type(one) is int for one in given) else 1

    @property
    def choices(self) -> int:
        """How many answers the caller gets: `n` for each prompt."""
        choices: int = self.canon.get("n") or 1
        return choices if self.operation is not Operation.COMPLETIONS else choices * self.prompts

    @property
    def written(self) -> int:
        """How many answers the model writes for it: `best_of`, where that is more than the caller gets."""
        best: object = self.canon.get("best_of") if self.operation is Operation.COMPLETIONS else None
        return max(self.choices, self.prompts * best) if type(best) is int else self.choices

    def in_body(self, path: str) -> str:
        """A path in the canon, `messages.0` or `messages[0]`, as a path in the caller's own body, for `param` of a refusal."""
        steps: list[str] = _STEP.findall(path)
        paths = self.body_paths(steps[0] if steps else "")
        brackets = self.dialect is Dialect.RESPONSES
        for length in range(len(steps), 0, -1):
            if path_in_body := paths.get(".".join(steps[:length])):
                rest = (f"[{step}]" if brackets and step.isdecimal() else f".{step}" for step in steps[length:])
                return path_in_body + "".join(rest)
        return path

    @property
    def chat(self) -> ChatRequest:
        """The canon as a chat request; only for CHAT (and what is translated to it)."""
        return cast("ChatRequest", self.canon)  # the dialect checked the shape

    @property
    def embeddings(self) -> EmbeddingsRequest:
        """The canon as an embeddings request; only for EMBEDDINGS."""
        return cast("EmbeddingsRequest", self.canon)  # the dialect checked the shape
