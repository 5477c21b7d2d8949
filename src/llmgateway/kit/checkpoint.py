"""How far a journal has been read, stored so that it can be written on a full disk too."""

import os
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

_SLOT: Final = struct.Struct("<QQQQQQI")


class Position(NamedTuple):
    """A place between two records."""

    segment: int
    offset: int


class Checkpoint(NamedTuple):
    """How far the reader is: everything before `done` is stored, everything before `settled` is settled too.

    Everything from `keep` on is still needed (`keep` <= `settled` <= `done`).
    """

    keep: Position
    settled: Position
    done: Position

    @classmethod
    def at(cls, place: Position) -> Self:
        """Nothing before this place is needed any more."""
        return cls(place, place, place)


START: Final = Position(1, 0)


class CheckpointFile:
    """Two slots in one file, written in turns and in place: a write that a crash tears leaves the other slot, and none needs new room."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "checkpoint"
        self._turn = 0

    def reserve(self) -> None:
        """Write both slots now, if the disk has room; otherwise `write` may fail on a full disk later."""
        with suppress(OSError):
            self._path.write_bytes(_packed(Checkpoint.at(START)) * 2)

    def read(self) -> Checkpoint:
        """The newest undamaged checkpoint; the journal's start when there is none. Raises OSError."""
        try:
            packed = self._path.read_bytes()
        except FileNotFoundError:
            packed = b""
        slots = [_unpacked(packed[at : at + _SLOT.size]) for at in (0, _SLOT.size)]
        found = [slot for slot in slots if slot is not None]
        newest = max(found, key=lambda one: (one.done, one.settled, one.keep), default=None)
        if newest is None:
            return Checkpoint.at(START)
        self._turn = 1 - slots.index(newest)
        return newest

    def write(self, checkpoint: Checkpoint) -> None:
        """Store a checkpoint. Raises OSError; the one before still counts then."""
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(file, _packed(checkpoint), self._turn * _SLOT.size)
        finally:
            os.close(file)
        self._turn = 1 - self._turn


def _packed(checkpoint: Checkpoint) -> bytes:
    values = [number for place in checkpoint for number in place]
    return _SLOT.pack(*values, zlib.crc32(repr(values).encode()))


def _unpacked(packed: bytes) -> Checkpoint | None:
    if len(packed) != _SLOT.size:
        return None
    *values, crc = _SLOT.unpack(packed)
    if crc != zlib.crc32(repr(values).encode()):
        return None
    keep, settled, done = (Position(*values[at : at + 2]) for at in (0, 2, 4))
    return Checkpoint(keep, settled, done)
