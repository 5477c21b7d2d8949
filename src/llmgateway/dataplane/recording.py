"""What is remembered of each request before anything else happens: opens and closes, written to the journal."""

import asyncio
from collections import deque

import msgspec

from llmgateway.contract.usage import CloseRecord, JournalRecord, OpenRecord, UsageEvent
from llmgateway.errors import Unavailable
from llmgateway.kit.journal import Journal

_HELD_IN_MEMORY = 10_000

_encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(JournalRecord)


class Recorder:
    """Writes opens and closes. While the disk is full they are held in memory, up to a bound."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._open = dict[str, int]()
        """Requests in flight -> the journal's segment with their open."""
        self._held = deque[bytes]()
        self.written = asyncio.Event()
        """Something new is in the journal."""

    @property
    def healthy(self) -> bool:
        """Whether the journal takes what is written."""
        return not self._held

    @property
    def backlog(self) -> int:
        """Bytes that are not shipped yet, roughly."""
        return self._journal.backlog

    @property
    def oldest_open(self) -> int:
        """The first segment that a request in flight still needs."""
        return min(self._open.values(), default=self._journal.segment)

    def open(self, record: OpenRecord) -> None:
        """A target is about to be asked. Raises Unavailable when memory is full as well as the disk."""
        if len(self._held) >= _HELD_IN_MEMORY:
            raise Unavailable(
                "The gateway cannot remember what this request would cost, because its disk is full. Try again later.",
                retry_after=5,
            )
        segment = self._write(_encode(record))
        self._open.setdefault(record.id, segment)

    def close(self, event: UsageEvent) -> None:
        """The request is over; when this returns its event survives this process (or is held, the disk being full)."""
        self._write(_encode(CloseRecord(event=event)))
        self._open.pop(event.id, None)
        self.written.set()

    def _write(self, record: bytes) -> int:
        if self._held:
            self._retry()
        if not self._held:
            try:
                return self._journal.append(record)
            except OSError:
                pass  # held below, and tried again before the next record
        self._held.append(record)
        return self._journal.segment

    def _retry(self) -> None:
        while self._held:
            try:
                self._journal.append(self._held[0])
            except OSError:
                return
            self._held.popleft()


def read_record(record: bytes) -> OpenRecord | CloseRecord:
    """A record of the journal. Raises msgspec.DecodeError for what is none."""
    return _decoder.decode(record)
