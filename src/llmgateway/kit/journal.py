"""An append-only file in segments. Appended records survive the process, and are read again until a checkpoint marks them done.

Each writing process owns one folder below the root, by a file lock. Other processes adopt the folders of dead ones, read them
to their end and remove them. Bytes that fail their CRC (a tail that a crash tore, a bit that flipped) are skipped, and kept in
`torn`. A thread calls fsync every 50 ms, so a power cut may lose that much; the death of the process loses nothing.
"""

import errno
import fcntl
import os
import secrets
import shutil
import threading
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

import structlog

from llmgateway.kit.checkpoint import Checkpoint, CheckpointFile, Position
from llmgateway.kit.frames import HEAD_BYTES, framed, length_in, next_frame, record_at

SEGMENT_BYTES: Final = 16 * 1024 * 1024
EMPTIED_BYTES: Final = 1024 * 1024
"""Once all of the segment that is written to is done, and it is at least this long, its file is used again from its start."""
SYNC_SECONDS: Final = 0.05
_BLOCK: Final = 64 * 1024
"""Bytes that are read of a file at a time."""
_SEARCHED: Final = 256 * 1024
"""How many bytes behind a torn record are searched for the next whole one."""

_log = structlog.get_logger(__name__)


class JournalFull(OSError):
    """The record could not be written; the file is as before, and appending it later may work."""


class Entry(NamedTuple):
    """One record: where it begins, and its bytes."""

    start: Position
    data: bytes


class Journal:
    """One folder, which its owner appends to and reads, or which was adopted from a dead process and is only read."""

    def __init__(self, folder: Path, lock: int, *, writes: bool) -> None:
        """Use `open` or `adopt`."""
        self.folder = folder
        self.torn: dict[Position, bytes] = {}
        """Position -> the bytes there that failed their CRC and were skipped; at most `_SEARCHED` of each."""
        self._lock = lock
        self._checkpoints = CheckpointFile(folder)
        self._checkpoint = self._checkpoints.read()
        self._read = self._checkpoint.keep
        self._sizes = {number: _segment(folder, number).stat().st_size for number in _numbers(folder)}
        self._segment = max(self._sizes, default=0)
        self._writer = -1
        self._syncer = _Syncer() if writes else None
        if writes:
            self._checkpoints.reserve()
            self._roll()

    @classmethod
    def open(cls, root: Path) -> Self:
        """Make and own a new folder below the root. Raises OSError."""
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        name = f"{os.getpid()}-{secrets.token_hex(4)}"
        # Locked under a hidden name first: nobody can adopt what is not yet ours.
        hidden = root / f".{name}"
        hidden.mkdir(mode=0o700)
        lock = os.open(hidden / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        hidden.rename(root / name)
        return cls(root / name, lock, writes=True)

    @classmethod
    def adopt(cls, root: Path) -> "list[Journal]":
        """The folders of dead processes, now locked by us. One that cannot be read is left for another time.

        Raises OSError when the root cannot be read.
        """
        for gone in root.glob(".*.gone"):
            shutil.rmtree(gone, ignore_errors=True)
        adopted: list[Journal] = []
        for folder in sorted(root.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            try:
                lock = _try_lock(folder)
                if lock is not None:
                    adopted.append(cls._locked(folder, lock))
            except OSError as error:
                _log.error("a journal of a dead process cannot be read", folder=str(folder), reason=str(error))
        return adopted

    @classmethod
    def _locked(cls, folder: Path, lock: int) -> Self:
        """The locked folder, ready to be read; if it cannot be read, the lock is released."""
        try:
            return cls(folder, lock, writes=False)
        except OSError:
            os.close(lock)
            raise

    @property
    def checkpoint(self) -> Checkpoint:
        return self._checkpoint

    @property
    def position(self) -> Position:
        """Where the next `read` begins."""
        return self._read

    @property
    def backlog(self) -> int:
        """Bytes that were appended and are not done yet."""
        done = self._checkpoint.done
        rest = sum(size for number, size in self._sizes.items() if number >= done.segment)
        return max(0, rest - (done.offset if done.segment in self._sizes else 0))

    @property
    def size(self) -> int:
        """Bytes of all segments on disk."""
        return sum(self._sizes.values())

    def append(self, record: bytes) -> None:
        """Append a record, which must not be empty. Once this returns, the process's death cannot lose it. Raises JournalFull."""
        frame = framed(record)
        syncer = self._syncer
        if syncer is None or self._writer < 0:
            raise JournalFull(errno.EBADF, "the journal is not open for writing")
        try:
            if syncer.error is not None or self._sizes[self._segment] >= SEGMENT_BYTES:
                self._roll()
            _write_whole(self._writer, frame)
        except OSError as error:
            self._undo()
            raise JournalFull(error.errno, f"the journal in {self.folder} cannot be written: {error}") from error
        self._sizes[self._segment] += len(frame)
        syncer.touch(self._writer)

    def read(self, most: int) -> list[Entry]:
        """The next records in order, up to `most` of them. Raises OSError."""
        entries: list[Entry] = []
        while len(entries) < most:
            size = self._sizes.get(self._read.segment)
            if size is not None and self._read.offset < size:
                entries.extend(self._read_segment(size, most - len(entries)))
                continue
            later = [number for number in self._sizes if number > self._read.segment]
            if not later:
                break
            self._read = Position(min(later), 0)
        return entries

    def rewind(self, position: Position) -> None:
        """Go back: the next `read` begins at this position."""
        self._read = position

    def mark(self, checkpoint: Checkpoint) -> None:
        """Remove the segments that nobody needs any more, then store the checkpoint. Raises OSError.

        The removal comes first, so that it makes room on a full disk. If the checkpoint is not stored, the records are read once
        more after the process's death.
        """
        if checkpoint == self._checkpoint:
            return
        self._checkpoint = checkpoint
        for number in [number for number in self._sizes if number < checkpoint.keep.segment]:
            _segment(self.folder, number).unlink(missing_ok=True)
            del self._sizes[number]
        if self._writer >= 0 and checkpoint.keep == (self._segment, self._sizes[self._segment]):
            self._empty()
        self._checkpoints.write(checkpoint)

    def close(self) -> None:
        """Sync and release the lock. Removes the folder when all of it is done and nothing in it is needed."""
        self._stop_writing()
        if self._lock >= 0:
            if self.backlog == 0 and self._checkpoint.keep == self._checkpoint.done:
                self.remove()
            else:
                os.close(self._lock)
                self._lock = -1

    def remove(self) -> None:
        """Delete the folder; call it when all of it was read."""
        self._stop_writing()
        gone = self.folder.with_name(f".{self.folder.name}.gone")
        self.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)  # what is left of it is hidden, and swept by the next adoption
        os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stop_writing(self) -> None:
        if self._syncer is not None:
            self._syncer.close(self._writer)
            self._syncer, self._writer = None, -1

    def _roll(self) -> None:
        number = self._segment + 1
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        fresh = os.open(_segment(self.folder, number), flags, 0o600)
        if self._syncer is not None:
            self._syncer.retire(self._writer)
        self._writer, self._segment = fresh, number
        self._sizes[number] = 0

    def _empty(self) -> None:
        """Use the file of the segment, all of which is done, for the next segment; this takes no room on the disk."""
        if self._sizes[self._segment] < EMPTIED_BYTES:
            return
        number = self._segment + 1
        _segment(self.folder, self._segment).rename(_segment(self.folder, number))
        self._sizes[number] = self._sizes.pop(self._segment)
        self._segment = number
        os.ftruncate(self._writer, 0)
        self._sizes[number] = 0

    def _undo(self) -> None:
        """Cut off a record that was written in part; if that fails, later records go into a new segment."""
        try:
            os.ftruncate(self._writer, self._sizes[self._segment])
        except OSError as error:
            if self._syncer is not None:
                self._syncer.error = error

    def _read_segment(self, size: int, most: int) -> list[Entry]:
        """The next records, from one block of the segment's file."""
        number, offset = self._read
        with _segment(self.folder, number).open("rb") as file:
            file.seek(offset)
            block = file.read(min(_BLOCK, size - offset))
            missing = HEAD_BYTES + length_in(block) - len(block)
            if 0 < missing <= size - offset - len(block):
                block += file.read(missing)
        at = 0
        entries: list[Entry] = []
        while len(entries) < most and (data := record_at(block, at)) is not None:
            entries.append(Entry(Position(number, offset + at), data))
            at += HEAD_BYTES + len(data)
        self._read = Position(number, offset + at)
        if not entries:
            self._pass_over(size)
        return entries

    def _pass_over(self, size: int) -> None:
        """Skip damaged bytes: go on at the next whole record, or behind the segment when there is none near."""
        number, offset = self._read
        with _segment(self.folder, number).open("rb") as file:
            file.seek(offset)
            block = file.read(min(_SEARCHED, size - offset))
        found = next_frame(block)
        self.torn[self._read] = block[:found]
        self._read = Position(number, size if found is None else offset + found)
        _log.error("a part of a journal cannot be read", folder=str(self.folder), segment=number, offset=offset)


class _Syncer:
    """The thread that calls fsync for what was written, every 50 ms at most."""

    def __init__(self) -> None:
        self.error: OSError | None = None
        """Why the last fsync failed; the pages it was for may be lost, so the segment is left."""
        self._dirty = -1
        self._retired = deque[int]()
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="journal-fsync", daemon=True)
        self._thread.start()

    def touch(self, descriptor: int) -> None:
        """Note that something was written to this file."""
        if self._dirty != descriptor:
            self._dirty = descriptor
            self._wake.set()

    def retire(self, descriptor: int) -> None:
        """Sync and close a file that nothing more is written to."""
        if descriptor >= 0:
            self._retired.append(descriptor)
        self.error = None
        self._dirty = -1
        self._wake.set()

    def close(self, descriptor: int) -> None:
        """Sync and close everything and end the thread. Waits for the disk."""
        self.retire(descriptor)
        self._closing.set()
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._closing.wait(SYNC_SECONDS)
            self._wake.clear()
            self._sync()
        self._sync()

    def _sync(self) -> None:
        dirty, self._dirty = self._dirty, -1
        retired: list[int] = []
        while self._retired:
            retired.append(self._retired.popleft())
        try:
            for descriptor in {dirty, *retired} - {-1}:
                os.fsync(descriptor)
        except OSError as error:
            self.error = error
        finally:
            for descriptor in retired:
                os.close(descriptor)


def _write_whole(descriptor: int, frame: bytes) -> None:
    if os.write(descriptor, frame) != len(frame):
        raise OSError(errno.ENOSPC, "only a part of the record could be written")


def _segment(folder: Path, number: int) -> Path:
    return folder / f"{number:010d}.log"


def _numbers(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in folder.glob("*.log") if file.stem.isdecimal())


def _try_lock(folder: Path) -> int | None:
    try:
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    if not folder.exists():  # the one who held the lock has just removed it all
        os.close(lock)
        return None
    return lock
