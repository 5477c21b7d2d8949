"""Server-sent events, byte for byte: an incremental splitter and a writer (WHATWG HTML, section 9.2)."""

from dataclasses import dataclass
from typing import Final

DONE: Final = b"data: [DONE]\n\n"
_LIMIT: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Frame:
    """One event: its own bytes with the blank line that ends it, and what its fields say."""

    raw: bytes
    event: bytes
    """The `event:` field, empty when absent."""
    data: bytes
    """The `data:` lines joined by new lines, empty when the frame is only a comment."""


class FrameTooLong(Exception):
    """A single event grew over 16 MiB without an end."""


class Splitter:
    """Cuts a stream of bytes, in whatever pieces it comes, into frames. Knows LF, CRLF and CR line ends."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame]:
        """Frames that these bytes complete. Raises FrameTooLong."""
        buffer = self._buffer + data if self._buffer else data
        if b"\r" in buffer:
            return self._feed_carriage_returns(buffer)
        pieces = buffer.split(b"\n\n")
        self._keep(pieces.pop())
        return [_frame(piece + b"\n\n", piece) for piece in pieces if piece]

    def close(self) -> list[Frame]:
        """A last frame whose blank line never came: it gets one, so that what is written behind it stands apart."""
        rest, self._buffer = self._buffer, b""
        text = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n")
        return [_frame(text + b"\n\n", text)] if text else []

    def _feed_carriage_returns(self, buffer: bytes) -> list[Frame]:
        # A CR at the very end may be half of a CRLF: wait for the next byte.
        held = b"\r" if buffer.endswith(b"\r") else b""
        text = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        pieces = text.split(b"\n\n")
        self._keep(pieces.pop() + held)
        return [_frame(piece + b"\n\n", piece) for piece in pieces if piece.strip(b"\n")]

    def _keep(self, rest: bytes) -> None:
        if len(rest) > _LIMIT:
            raise FrameTooLong
        self._buffer = rest


def _frame(raw: bytes, text: bytes) -> Frame:
    if text.startswith(b"data: ") and b"\n" not in text:
        return Frame(raw, b"", text[6:])
    event = b""
    data: list[bytes] = []
    for line in text.split(b"\n"):
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            data.append(value)
        elif name == b"event":
            event = value
    return Frame(raw, event, b"\n".join(data))


def write(data: bytes, event: bytes = b"") -> bytes:
    """One frame with one line of data, and its event name when it has one."""
    return b"event: %b\ndata: %b\n\n" % (event, data) if event else b"data: %b\n\n" % data


def comment(text: bytes) -> bytes:
    """A frame that every reader ignores: a keepalive."""
    return b": %b\n\n" % text
