"""The joint between the pipeline and the dialects: what every language of callers must be able to read and write."""

from collections.abc import Sequence
from typing import Protocol

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import ChatChunk
from llmgateway.canon.usage import Usage
from llmgateway.errors import Problem
from llmgateway.providers.base import Answer


class StreamWriter(Protocol):
    """Writes one stream in the caller's dialect from canon chunks. One object per stream."""

    def open(self) -> bytes:
        """What must precede everything; may be empty."""
        ...

    def chunk(self, chunk: ChatChunk) -> bytes:
        """Frames for one canon chunk; may be empty."""
        ...

    def close(self, usage: Usage | None) -> bytes:
        """What ends a finished stream: usage where the dialect has it, and the terminator."""
        ...

    def follows(self, first: bytes, last: bytes) -> None:
        """The provider's own frames went out until here, of which these are two: a failure goes on behind them."""
        ...

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """An explicit error event in mid-stream; nothing follows it."""
        ...


class DialectWriter(Protocol):
    """A language that callers speak."""

    @property
    def id(self) -> Dialect: ...

    @property
    def id_names(self) -> Sequence[bytes]:
        """Headers under which its readers look for the request's id."""
        ...

    def read(self, operation: Operation, body: bytes, wishes: Wishes) -> Call:
        """Understand a body. Raises BadRequest that names the field in `param` and says what to do."""
        ...

    def answer(self, call: Call, answer: Answer) -> bytes:
        """Write a whole answer from canon (`answer.raw` is the pipeline's business)."""
        ...

    def error(self, problem: Problem, request_id: str) -> bytes:
        """Write an error body."""
        ...

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """Write an error as an event of a stream; nothing follows it."""
        ...

    def keepalive(self) -> bytes:
        """What every reader of the dialect ignores."""
        ...

    def terminator(self) -> bytes:
        """What ends a native stream whose provider left its terminator out."""
        ...

    def stream(self, call: Call) -> StreamWriter:
        """A writer for one stream."""
        ...
