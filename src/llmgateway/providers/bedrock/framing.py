"""Cuts AWS event streams into messages and checks their checksums.

Page: https://docs.aws.amazon.com/transcribe/latest/dg/streaming-setting-up.html#streaming-event-stream. A message is
total length, header length, checksum of these two, headers, payload, checksum of all.
"""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PRELUDE: Final = struct.Struct(">III")
_CHECKSUM: Final = 4
_LEAST: Final = _PRELUDE.size + _CHECKSUM
_LIMIT: Final = 24 * 1024 * 1024
_TEXT: Final = 7
_BYTES: Final = 6
_SIZES: Final[Mapping[int, int]] = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""Type of a header's value -> its size in bytes, for types of fixed size."""


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One message. Only headers that are texts are kept; the others carry nothing of a model's answer."""

    headers: Mapping[str, str]
    payload: bytes


class BrokenStream(Exception):
    """The bytes are no valid event stream, so that what follows cannot be read either."""


class MessageSplitter:
    """Cuts a stream of bytes into messages."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[list[EventMessage], bool]:
        """The messages that these bytes complete, and whether the stream is broken after them."""
        buffer, start = self._buffer + data, 0
        found: list[EventMessage] = []
        try:
            while (end := _end(buffer, start)) is not None:
                found.append(_message(buffer[start:end]))
                start = end
        except BrokenStream:
            self._buffer = b""
            return found, True
        self._buffer = buffer[start:]
        return found, False


def _end(buffer: bytes, start: int) -> int | None:
    """Where the message that begins here ends; None while it is not whole. Raises BrokenStream."""
    if len(buffer) - start < _PRELUDE.size:
        return None
    total, headers, checksum = _PRELUDE.unpack_from(buffer, start)
    if zlib.crc32(buffer[start : start + 8]) != checksum or not _LEAST + headers <= total <= _LIMIT:
        raise BrokenStream
    return start + total if len(buffer) - start >= total else None


def _message(raw: bytes) -> EventMessage:
    _, size, _ = _PRELUDE.unpack_from(raw)
    if zlib.crc32(raw[:-_CHECKSUM]) != int.from_bytes(raw[-_CHECKSUM:]):
        raise BrokenStream
    end = _PRELUDE.size + size
    return EventMessage(_headers(raw[_PRELUDE.size : end]), raw[end:-_CHECKSUM])


def _headers(raw: bytes) -> dict[str, str]:
    place = 0
    found: dict[str, str] = {}
    try:
        while place < len(raw):
            length = raw[place]
            name = raw[place + 1 : place + 1 + length].decode()
            kind = raw[place + 1 + length]
            place += 2 + length
            if kind in {_TEXT, _BYTES}:
                size, place = int.from_bytes(raw[place : place + 2]), place + 2
            else:
                size = _SIZES[kind]
            if kind == _TEXT:
                found[name] = raw[place : place + size].decode()
            place += size
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise BrokenStream from error
    return found
