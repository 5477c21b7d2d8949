"""Cuts Google's streams into JSON objects. They are server-sent events, or one JSON array that grows, without `alt=sse`."""

import re
from typing import Final

from llmgateway.kit.sse import FrameTooLong, Splitter

_MARKS: Final = re.compile(rb'["\\{}]')
_LIMIT: Final = 16 * 1024 * 1024


class ObjectSplitter:
    """Cuts the objects out of a growing JSON array, or a lone object, as soon as each is complete."""

    __slots__ = ("_buffer", "_depth", "_in_string", "_position", "_start")

    def __init__(self) -> None:
        self._buffer = b""
        self._position: int = 0
        """Index up to which the buffer was searched."""
        self._start: int = 0
        """Index at which the incomplete object begins, while `_depth` is not 0."""
        self._depth = 0
        self._in_string = False

    def feed(self, data: bytes) -> list[bytes]:
        """Objects that these bytes complete. Raises FrameTooLong."""
        self._buffer += data
        found: list[bytes] = []
        while mark := _MARKS.search(self._buffer, self._position):
            at = mark.start()
            self._position = at + 1
            match mark[0]:
                case b'"':
                    self._in_string = not self._in_string
                case b"\\":
                    self._position += 1  # the next byte means itself
                case b"{" if not self._in_string:
                    if not self._depth:
                        self._start = at
                    self._depth += 1
                case b"}" if not self._in_string and self._depth:
                    self._depth -= 1
                    if not self._depth:
                        found.append(self._buffer[self._start : at + 1])
                case _:
                    pass
        self._forget()
        return found

    def _forget(self) -> None:
        """Drop all of the buffer before the incomplete object. Raises FrameTooLong."""
        self._position = max(self._position, len(self._buffer))
        done = self._start if self._depth else len(self._buffer)
        self._buffer = self._buffer[done:]
        self._position -= done
        self._start = 0
        if len(self._buffer) > _LIMIT:
            raise FrameTooLong


class Framing:
    """Recognises the framing of a stream by its first bytes."""

    __slots__ = ("_events", "_objects")

    def __init__(self) -> None:
        self._events: Splitter | None = None
        self._objects: ObjectSplitter | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """The JSON objects that these bytes complete. Raises FrameTooLong."""
        if self._events is None and self._objects is None:
            data = data.lstrip()
            if not data:
                return []
            if data[:1] in (b"[", b"{"):
                self._objects = ObjectSplitter()
            else:
                self._events = Splitter()
        if self._objects is not None:
            return self._objects.feed(data)
        return [frame.data for frame in self._events.feed(data)] if self._events else []

    def close(self) -> list[bytes]:
        """What the end of the bytes completes: an event whose blank line never came."""
        return [frame.data for frame in self._events.close()] if self._events else []
