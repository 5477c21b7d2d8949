"""The protocols of a dialect, the API that a caller speaks: it reads request bodies, and writes answers, streams and errors."""

from collections.abc import Sequence
from typing import Protocol

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import ChatChunk
from llmgateway.canon.usage import Usage
from llmgateway.errors import Problem
from llmgateway.providers.base import Answer


class StreamWriter(Protocol):
    """Writes one stream in the caller's dialect from canonical chunks. Each stream has an object of its own."""

    def open(self) -> bytes:
        """What comes before everything else; may be empty."""
        ...

    def chunk(self, chunk: ChatChunk) -> bytes:
        """The frames of one canonical chunk; may be empty."""
        ...

    def close(self, usage: Usage | None) -> bytes:
        """The end of a finished stream: its usage where the dialect has it, and the terminator."""
        ...

    def follows(self, first: bytes, last: bytes) -> None:
        """Called before `failure` when native frames went out until now: the first and the last of them."""
        ...

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """An explicit error event in mid-stream; nothing follows it."""
        ...


class DialectWriter(Protocol):
    """One dialect. Its methods return bytes that are ready to be sent."""

    @property
    def id(self) -> Dialect: ...

    @property
    def id_names(self) -> Sequence[bytes]:
        """Names of the response headers in which its clients look for the request's id."""
        ...

    def read(self, operation: Operation, body: bytes, wishes: Wishes) -> Call:
        """Read a body into a Call. Raises BadRequest, which names the field in `param` and says what to do."""
        ...

    def answer(self, call: Call, answer: Answer) -> bytes:
        """Write a whole answer from its canonical body; the pipeline sends `answer.raw` itself."""
        ...

    def error(self, problem: Problem, request_id: str) -> bytes:
        """Write an error body."""
        ...

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """Write an error as an event of a stream; nothing follows it."""
        ...

    def keepalive(self) -> bytes:
        """Bytes of a stream that every client of the dialect ignores, sent while the provider is silent."""
        ...

    def terminator(self) -> bytes:
        """The end of a native stream whose provider left its terminator out."""
        ...

    def stream(self, call: Call) -> StreamWriter:
        """A writer for one stream."""
        ...
