"""A body that came packed, though nobody asked for it so, as the bytes that it stands for."""

import zlib
from typing import Final

_MOST: Final = 1 << 18
"""Bytes that are unpacked at a time: a few packed ones can stand for any number."""
_WRAPPED: Final = 8
"""The low half of a first byte that says deflated bytes have zlib's frame around them, as they should."""


class NotPacked(Exception):
    """The bytes are not packed as they were said to be, or in a way that is not known here."""


class Unpacker:
    """`feed` packed bytes, then `unpack` until there are no more."""

    def __init__(self, packing: str) -> None:
        """The value of Content-Encoding. Raises NotPacked for all but gzip and deflate."""
        self._packing = packing.strip().lower()
        if self._packing not in {"gzip", "x-gzip", "deflate"}:
            raise NotPacked(f"the answer is packed as {self._packing!r}, which nobody asked for")
        self._gzip = self._packing != "deflate"
        self._stream = None if not self._gzip else zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._begun = False
        self._packed = b""

    def feed(self, packed: bytes) -> None:
        self._begun = True
        if self._stream is None:
            framed = packed[0] & 0xF == _WRAPPED
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if framed else -zlib.MAX_WBITS)
        self._packed += packed

    def unpack(self) -> bytes:
        """The next bytes; empty when more has to be fed first. Raises NotPacked."""
        stream = self._stream
        if stream is None:
            return b""
        while not stream.eof or (self._gzip and self._packed):
            if stream.eof:  # gzip may be several, one after the other
                stream = self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
            try:
                unpacked = stream.decompress(self._packed, _MOST)
            except zlib.error as error:
                raise NotPacked(f"the answer is not packed as {self._packing!r}") from error
            self._packed = stream.unused_data if stream.eof else stream.unconsumed_tail
            if unpacked or not stream.eof:
                return unpacked
        self._packed = b""  # what comes after the end stands for nothing
        return b""

    def end(self) -> None:
        """Nothing more will be fed. Raises NotPacked where more is missing; no bytes at all are none, packed or not."""
        if self._begun and self._stream is not None and not self._stream.eof:
            raise NotPacked("the answer was packed and is not whole")
