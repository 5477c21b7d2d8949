"""What a provider is: one frozen declaration with five pure methods. No I/O happens here; dispatch does it all.

Three axes never mix: the *wire* is the class (the language spoken), the *host* is the declaration's fields and the
`Place` (where, with which credential), the *ability* of a model is the catalogue's.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import msgspec

from llmgateway.canon.call import USUAL, Call, Operation, Terms
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.extras import Extras, extras_of
from llmgateway.canon.shapes import word_of
from llmgateway.canon.usage import Usage
from llmgateway.errors import ProviderError


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where one attempt goes: everything `build` needs beside the call."""

    model: str
    """The provider's own name of the model."""
    base_url: str
    """Without a trailing slash."""
    secrets: Mapping[str, str] = {}
    """`api_key`, or what the provider's `credential` names; cloud tokens arrive here as `token`."""
    options: Mapping[str, str] = {}
    """`region`, `project`, `api_version`, ...: the host's settings of gateway.yaml that are no secret."""
    stream: bool
    """Whether to ask upstream for a stream (a whole answer may be asked as one and assembled)."""
    now: datetime
    """The time of the attempt, in UTC: signatures hold it."""
    dropped: frozenset[str] = frozenset()
    """Parameters of the call that shall be left out: the caller allowed it, and is told."""

    def __repr__(self) -> str:
        return f"Place({self.model!r} at {self.base_url!r})"  # and no secrets


_CREDENTIAL_HEADERS: Final = frozenset({"authorization", "api-key", "x-api-key", "x-goog-api-key"})


class UpstreamRequest(msgspec.Struct, frozen=True):
    """An HTTP request, ready to send."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"

    def __repr__(self) -> str:
        return f"UpstreamRequest({self.method} {self.url!r})"  # and no credentials

    @property
    def credentials(self) -> Sequence[str]:
        """The secrets in its headers, to be taken out of error messages: some servers quote the one that they refuse."""
        return [value.rpartition(" ")[2] for name, value in self.headers.items() if name.lower() in _CREDENTIAL_HEADERS]


class UpstreamReply(msgspec.Struct, frozen=True):
    """An HTTP answer of a provider, read to its end. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer in canon, and the provider's own bytes when the caller speaks its dialect."""

    body: Json
    """ChatCompletion, EmbeddingsAnswer, or the operation's OpenAI shape. May be the native body when `raw` is set."""
    usage: Usage | None
    """None when the provider reported no usage."""
    finish: str | None = None
    """Finish reason of the first choice, in OpenAI's words; None where the operation has none."""
    text: str = ""
    """All text of the answer, for counting when `usage` is None."""
    raw: bytes | None = None
    """The bytes to hand on untouched; None when the dialect must write the answer from `body`."""


class Step(msgspec.Struct):
    """One step of a stream: a frame of the provider, understood.

    In a native stream `raw` holds the frame's own bytes and `chunk` is None; in a translated one it is the other way
    round. A step may carry nothing for the caller (a ping): then both are empty.
    """

    raw: bytes = b""
    chunk: ChatChunk | None = None
    content: bool = False
    """Carries text, reasoning, a refusal or a tool-call delta: what a caller waits for."""
    text: str = ""
    """The text it carries, for counting (reasoning and tool arguments included)."""
    finish: str | None = None
    """A finish reason, in OpenAI's words."""
    usage: Usage | None = None
    """The usage reported so far, cumulative: a later one replaces it."""
    usage_only: bool = False
    """The step is OpenAI's usage chunk and nothing else; it is dropped when the caller did not ask for it."""
    error: ProviderError | None = None
    """The failure that the provider reported in mid-stream."""
    end: bool = False
    """The provider's terminator ([DONE], message_stop)."""


Join = Callable[[Sequence[Step]], bytes]
"""Joins the steps of a native stream into the body of a whole answer."""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token and when to fetch the next one."""

    value: str = field(repr=False)
    renew_at: datetime


class Grant(Protocol):
    """Writes the request for a short-lived access token and reads the answer. Pure: dispatch sends it and keeps the token."""

    def request(self, now: datetime) -> UpstreamRequest:
        """The request for a token."""
        ...

    def read(self, reply: UpstreamReply, now: datetime) -> AccessToken:
        """The token in the answer. Raises ProviderError."""
        ...


class Decoder(Protocol):
    """Reads one stream: bytes in any pieces in, steps out. One object per stream; it holds only parsing state."""

    @property
    def kept(self) -> int:
        """Bytes of the events that it remembers something of. Dispatch limits them, since a stream may be of any length."""
        ...

    def feed(self, data: bytes) -> Sequence[Step]:
        """Steps completed by these bytes. A malformed frame is skipped, never raised. Raises FrameTooLong."""
        ...

    def close(self) -> Sequence[Step]:
        """Steps that the end of the bytes completes (a last frame without its blank line)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider(ABC):
    """A declaration of one provider. Subclasses are languages; instances are hosts."""

    id: str
    title: str
    docs: str
    """The provider's API reference."""
    base_url: str
    """Documented base URL; may be empty for hosts that have none of their own."""
    credential: tuple[str, ...] = ("api_key",)
    """Names of the secrets it needs; empty when it needs none."""
    credential_alternatives: tuple[tuple[str, ...], ...] = ()
    """Other sets of secrets that do as well, the fullest first."""
    granted_by: tuple[str, ...] = ()
    """Settings out of which `grant` gets a token, where there is no credential."""
    needs: tuple[str, ...] = ()
    """Options that its base URL has a place for, as in `https://example.com/{account_id}`."""
    inside: bool = False
    """It is part of the gateway: it costs nothing and needs no credential."""
    env: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Secret or option name -> environment variables that hold it; default `api_key` from `<ID>_API_KEY`."""
    endpoints: Mapping[Operation, str]
    """Operation -> path below the base URL; what is absent the provider cannot do."""
    continues: bool = True
    """Whether some of its models continue a last message of the assistant (prefill); False where the API starts a new answer."""
    quirks: tuple[str, ...] = ()
    """Differences that users should know, one sentence each with a link; shown in docs/reference/providers.md."""

    @property
    def secret_names(self) -> frozenset[str]:
        """All names of secrets, of whichever set."""
        return frozenset(self.credential).union(*self.credential_alternatives)

    @property
    def setting_names(self) -> frozenset[str]:
        """Names of all settings besides its address: secrets, options, and what `grant` needs."""
        return self.secret_names.union(self.env, self.needs, self.granted_by)

    def grant(self, given: Mapping[str, str], files: Mapping[str, bytes]) -> Grant | None:
        """How to get a short-lived token, from the host's settings and the files that they name.

        None when they do not suffice. Raises ConfigurationError.
        """
        del given, files
        return None

    def probe(self, place: Place) -> UpstreamRequest | None:
        """A free request that shows whether a credential works (its list of models); None where there is none."""
        del place
        return None

    def region(self, options: Mapping[str, str], base_url: str) -> str | None:
        """The region of the host by its settings and address, on which prices depend; None when unknown."""
        del options, base_url
        return None

    def terms(self, call: Call) -> Terms:
        """The service tier, speed and region that the call asks for, as far as they have their own prices here."""
        tier = word_of(call.canon.get("service_tier"))
        return USUAL if tier is None or tier == "auto" else Terms(tier)

    def extras(self, call: Call) -> Extras:
        """The most that the call may use besides text tokens (searches, sound, ...), as far as its body tells."""
        return extras_of(call.canon)

    def others(self, call: Call) -> Sequence[str]:
        """Further models that the call allows the provider to use, beside the requested one or as its fallback."""
        del call
        return ()

    def language(self, model: str) -> "Provider":
        """The declaration to use for this model: the provider itself, or another one where a host has models of several languages."""
        del model
        return self

    def speaks(self, call: Call) -> bool:
        """Whether the provider's API is the caller's dialect, so that bodies and answers pass untranslated."""
        del call
        return False

    @abstractmethod
    def refuses(self, call: Call, model: str) -> Sequence[str]:
        """Paths of the parameters that it cannot honour; one at its documented default is honoured."""

    def doubts(self, call: Call, model: str) -> Sequence[str]:
        """Parameters that this model is known to refuse. They are sent all the same, but other targets are tried first."""
        del call, model
        return ()

    @abstractmethod
    def build(self, call: Call, place: Place) -> UpstreamRequest:
        """Write the HTTP request. Raises BadRequest for what the API cannot express."""

    @abstractmethod
    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        """Read a whole successful answer. Raises ProviderError (kind PROTOCOL) when it cannot be read."""

    @abstractmethod
    def decoder(self, call: Call, *, native: bool) -> Decoder:
        """A decoder for one stream: with `native` its steps hold the frames as `raw`, else canon chunks."""

    def rereads(self, call: Call) -> Decoder:
        """A decoder that translates the server-sent events which callers of its dialect got, whatever framing the provider uses."""
        return self.decoder(call, native=False)

    def join(self, call: Call) -> Join | None:
        """A function that joins its native stream into a whole answer for a caller of its dialect; None where canon loses nothing."""
        del call
        return None

    @abstractmethod
    def classify(self, reply: UpstreamReply) -> ProviderError:
        """The failure that an answer with an error status reports, or an error inside a 200."""
