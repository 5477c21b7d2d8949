"""An append-only journal on disk: records that survive a crash, one writing process per folder.

A record is one line: its CRC-32 in hex, a space, and the record's bytes (which must not contain a new line). Lines whose
sum is wrong (torn by a crash, or by a full disk) are passed over. Records are readable once `append` has returned; they
survive a power cut once the next grouped fsync has run.
"""

import fcntl
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SEGMENT_BYTES: Final = 16 * 1024 * 1024
_SYNC_SECONDS: Final = 0.05
_LOCK: Final = "lock"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the journal: everything before it was read."""

    segment: int
    offset: int


class Journal:
    """The journal of this process. Not for several threads."""

    def __init__(self, folder: Path, lock: int) -> None:
        self._folder = folder
        self._lock = lock
        self._first = self._segment = 1
        self._file = self._create(1)
        self._size = 0
        self._torn = False
        self._read = Position(1, 0)
        self._dirty = threading.Event()
        self._closed = threading.Event()
        self._syncer = threading.Thread(target=self._sync, name="journal-fsync", daemon=True)
        self._syncer.start()

    @classmethod
    def open(cls, parent: Path, name: str) -> Self:
        """Start a journal in a folder of its own. Raises OSError."""
        folder = parent / name
        folder.mkdir(parents=True, mode=0o700)
        lock = _try_lock(folder)
        if lock is None:
            raise OSError(f"{folder} belongs to another process")
        return cls(folder, lock)

    @property
    def segment(self) -> int:
        """Number of the segment that is written now."""
        return self._segment

    @property
    def backlog(self) -> int:
        """Bytes written and not read yet, roughly: whole segments count as full."""
        return (self._segment - self._read.segment) * _SEGMENT_BYTES + self._size - self._read.offset

    def append(self, record: bytes) -> int:
        """Write one record; it has reached the operating system when this returns. Raises OSError, as on a full disk.

        Returns the number of the segment it is in.
        """
        line = b"%08x %b\n" % (zlib.crc32(record), record)
        if self._torn:
            line = b"\n" + line
        self._torn = True
        written = os.write(self._file, line)
        self._size += written
        if written != len(line):
            raise OSError("the journal's disk took only part of a record")
        self._torn = False
        self._dirty.set()
        segment = self._segment
        if self._size >= _SEGMENT_BYTES:
            self._roll()
        return segment

    def read(self, limit: int) -> tuple[list[bytes], Position]:
        """Up to `limit` records after the read position, and the position behind them. Nothing is moved."""
        records, position = list[bytes](), self._read
        while len(records) < limit:
            more, offset = _read_segment(self._path(position.segment), position.offset, limit - len(records))
            records += more
            position = Position(position.segment, offset)
            if position.segment == self._segment or len(records) >= limit:
                break
            position = Position(position.segment + 1, 0)
        return records, position

    def advance(self, position: Position, keep_from: int) -> None:
        """Everything before `position` is done with; segments below it, and below `keep_from`, are deleted."""
        self._read = position
        end = min(position.segment, keep_from)
        for number in range(self._first, end):
            self._path(number).unlink(missing_ok=True)
        self._first = max(self._first, end)

    def close(self) -> None:
        """Stop writing, sync, and give the folder free; an empty or fully read one is removed."""
        self._closed.set()
        self._dirty.set()
        self._syncer.join()
        with suppress(OSError):
            os.fsync(self._file)
        os.close(self._file)
        if self.backlog == 0:
            remove(self._folder)
        os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _roll(self) -> None:
        os.fsync(self._file)
        number = self._segment + 1
        file = self._create(number)
        os.close(self._file)
        self._file, self._segment, self._size = file, number, 0

    def _create(self, number: int) -> int:
        return os.open(self._path(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.log"

    def _sync(self) -> None:
        """Group what came in 50 ms into one fsync."""
        while not self._closed.is_set():
            self._dirty.wait()
            self._dirty.clear()
            with suppress(OSError):  # a roll may have closed the file; it was synced there
                os.fsync(self._file)
            self._closed.wait(_SYNC_SECONDS)


@dataclass(frozen=True, slots=True)
class Orphan:
    """The journal of a process that is gone, held by a lock so that only one successor reads it."""

    folder: Path
    lock: int

    def records(self) -> Iterator[bytes]:
        """All of its whole records, oldest first."""
        for path in sorted(self.folder.glob("*.log")):
            records, _ = _read_segment(path, 0, None)
            yield from records

    def remove(self) -> None:
        """It is shipped: delete it."""
        remove(self.folder)
        os.close(self.lock)

    def release(self) -> None:
        """Leave it to another."""
        os.close(self.lock)


def orphans(parent: Path) -> list[Orphan]:
    """The journals below `parent` whose processes are gone."""
    found = list[Orphan]()
    for folder in sorted(parent.iterdir()) if parent.is_dir() else []:
        lock = _try_lock(folder) if (folder / _LOCK).exists() else None
        if lock is not None:
            found.append(Orphan(folder, lock))
    return found


def remove(folder: Path) -> None:
    """Delete a journal's folder, the lock last, so that a crash in between leaves it findable."""
    for path in folder.glob("*.log"):
        path.unlink(missing_ok=True)
    (folder / _LOCK).unlink(missing_ok=True)
    folder.rmdir()


def _try_lock(folder: Path) -> int | None:
    descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _read_segment(path: Path, offset: int, limit: int | None) -> tuple[list[bytes], int]:
    """Whole, sound records from an offset on, and the offset behind the last line that ended."""
    records = list[bytes]()
    with path.open("rb") as file:
        file.seek(offset)
        while limit is None or len(records) < limit:
            line = file.readline()
            if not line.endswith(b"\n"):
                break
            offset += len(line)
            record = _sound(line)
            if record is not None:
                records.append(record)
    return records, offset


def _sound(line: bytes) -> bytes | None:
    record = line[9:-1]
    try:
        return record if len(line) > 9 and int(line[:8], 16) == zlib.crc32(record) else None
    except ValueError:
        return None
