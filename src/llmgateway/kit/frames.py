"""Records in a file, each in a frame: its length, its CRC-32, and its bytes."""

import struct
import zlib
from typing import Final

_HEAD: Final = struct.Struct("<II")
HEAD_BYTES: Final = _HEAD.size


def framed(record: bytes) -> bytes:
    """The record in its frame, as it is written to the file."""
    return _HEAD.pack(len(record), zlib.crc32(record)) + record


def length_in(block: bytes) -> int:
    """The length in bytes that the first frame of a block says its record has; 0 when the block ends before it says so."""
    return _HEAD.unpack_from(block)[0] if len(block) >= HEAD_BYTES else 0


def record_at(block: bytes, at: int) -> bytes | None:
    """The record whose frame begins at an offset; None when it is damaged, or not all of it is in the block.

    An empty record counts as damaged, because a power cut may leave zeros at the end of a file.
    """
    start = at + HEAD_BYTES
    if start > len(block):
        return None
    length, crc = _HEAD.unpack_from(block, at)
    if not 0 < length <= len(block) - start:
        return None
    data = block[start : start + length]
    return data if zlib.crc32(data) == crc else None


def next_frame(block: bytes) -> int | None:
    """The offset of the first whole record after a damaged one; None when there is none.

    Every offset is tried: 256 KiB take a tenth of a second.
    """
    return next((at for at in range(1, len(block) - HEAD_BYTES) if record_at(block, at) is not None), None)
