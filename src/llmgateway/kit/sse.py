"""Server-sent events, byte for byte: an incremental splitter and a writer (WHATWG HTML, section 9.2)."""

from typing import Final

from msgspec import Struct

DONE: Final = b"data: [DONE]\n\n"
_LIMIT: Final = 16 * 1024 * 1024


class Frame(Struct):
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

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = bytearray()
        """Of the event under way."""

    def feed(self, data: bytes) -> list[Frame]:
        """Frames that these bytes complete. Raises FrameTooLong."""
        if self._held:
            if self._goes_on(data):
                self._keep(data)
                return []
            data = self._taken() + data
        if b"\r" in data:
            return self._feed_carriage_returns(data)
        if data.startswith(b"data: ") and data.endswith(b"\n\n") and data.find(b"\n") == len(data) - 2:
            return [Frame(data, b"", data[6:-2])]  # one event of one line, as of OpenAI
        if data.find(b"\n\n") == len(data) - 2 > 0:
            return [_frame(data, data[:-2])]
        pieces = data.split(b"\n\n")
        self._keep(pieces.pop())
        return [_frame(piece + b"\n\n", piece) for piece in pieces if piece]

    def close(self) -> list[Frame]:
        """The last frame, if its blank line never came. It gets one, so that it ends before whatever is written next."""
        text = self._taken().replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n")
        return [_frame(text + b"\n\n", text)] if text else []

    def _goes_on(self, data: bytes) -> bool:
        """Whether these bytes do not end the present event, so that a long one need not be searched again with each piece."""
        last = bytes(self._held[-1:])
        ends = last == b"\r" or b"\r" in data or b"\n\n" in data or last == b"\n" == data[:1]
        return not ends

    def _taken(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held

    def _feed_carriage_returns(self, buffer: bytes) -> list[Frame]:
        # A CR at the very end may be half of a CRLF: wait for the next byte. What is kept has no other.
        held = b"\r" if buffer.endswith(b"\r") else b""
        text = buffer[: len(buffer) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        pieces = text.split(b"\n\n")
        self._keep(pieces.pop() + held)
        return [_frame(piece + b"\n\n", piece) for piece in pieces if piece.strip(b"\n")]

    def _keep(self, rest: bytes) -> None:
        self._held += rest
        if len(self._held) > _LIMIT:
            raise FrameTooLong


def _frame(raw: bytes, text: bytes) -> Frame:
    if text.startswith(b"data: ") and b"\n" not in text:
        return Frame(raw, b"", text[6:])
    first, _, second = text.partition(b"\n")
    if first.startswith(b"event: ") and second.startswith(b"data: ") and b"\n" not in second:
        return Frame(raw, first[7:], second[6:])  # as of Anthropic
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
    """A frame with one line of data, and an event name if one is given."""
    return b"event: %b\ndata: %b\n\n" % (event, data) if event else b"data: %b\n\n" % data


def comment(text: bytes) -> bytes:
    """A comment, which every reader ignores; used as a keepalive."""
    return b": %b\n\n" % text
