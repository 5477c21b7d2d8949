"""Writes what requests do to the journal: an open record before the provider is asked, a close record before the answer ends."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

import msgspec

from llmgateway.contract.usage import CloseRecord, OpenRecord, Outcome, UsageEvent
from llmgateway.errors import Unavailable
from llmgateway.kit.journal import Journal, JournalFull

HELD_RECORDS: Final = 10_000
"""How many records memory keeps while the disk takes none."""

_RETRY_SECONDS: Final = 1.0


class Recorder:
    """Writes records to the journal, and keeps them in memory, in order, while the journal cannot be written.

    Over the bound no new request is opened. What was opened may still be closed, up to twice the bound.
    """

    def __init__(self, journal: Journal, held_records: int = HELD_RECORDS) -> None:
        self._journal = journal
        self._bound = held_records
        self._held = deque[bytes]()
        self._held_since = 0.0
        """Monotonic seconds, while anything is held."""
        self._encoder = msgspec.json.Encoder()
        self._retries: asyncio.TimerHandle | None = None

    @property
    def healthy(self) -> bool:
        """Whether all records are on disk."""
        return not self._held

    @property
    def blocked(self) -> bool:
        """Whether new requests cannot be opened, because neither disk nor memory has room."""
        return len(self._held) >= self._bound

    @property
    def held(self) -> int:
        """How many records wait in memory for the disk."""
        return len(self._held)

    @property
    def lag(self) -> float:
        """For how many seconds there have been records in memory without a break; 0 when there are none."""
        return time.monotonic() - self._held_since if self._held else 0.0

    @property
    def backlog(self) -> int:
        """Bytes that were not shipped yet, in memory or on disk."""
        return self._journal.backlog + sum(map(len, self._held))

    def open(self, record: OpenRecord) -> None:
        """A target is about to be asked; of several opens of a request the last one counts.

        Raises Unavailable when neither disk nor memory has room.
        """
        self._write(self._encoder.encode(record), self._bound)

    def close(self, event: UsageEvent) -> None:
        """The request is over; the caller may be told so once this returns.

        Raises Unavailable when neither disk nor memory has room. A refusal for which nobody was asked is no reason for that: it is
        let go, since memory is for what is billed.
        """
        if event.outcome is Outcome.REFUSED and not event.attempts and self.blocked and not self.retry():
            return
        self._write(self._encoder.encode(CloseRecord(event=event)), 2 * self._bound)

    def retry(self) -> bool:
        """Write the records in memory, oldest first. Returns True when none is left."""
        try:
            while self._held:
                self._journal.append(self._held[0])
                self._held.popleft()
        except JournalFull:
            return False
        return True

    def stop(self) -> Sequence[bytes]:
        """Try once more and stop retrying. Returns the records that the disk still does not take, oldest first."""
        self.retry()
        if self._retries is not None:
            self._retries.cancel()
            self._retries = None
        left = tuple(self._held)
        self._held.clear()
        return left

    def _write(self, record: bytes, bound: int) -> None:
        if self._held and not self.retry():
            self._hold(record, bound)
            return
        try:
            self._journal.append(record)
        except JournalFull:
            self._hold(record, bound)

    def _hold(self, record: bytes, bound: int) -> None:
        if len(self._held) >= bound:
            raise Unavailable(
                "The gateway's journal cannot be written, so requests cannot be billed now. Try again in a minute; "
                "its operator must free space in the data directory.",
                retry_after=60,
            )
        if not self._held:
            self._held_since = time.monotonic()
        self._held.append(record)
        if self._retries is None:
            self._retries = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._retry_later)

    def _retry_later(self) -> None:
        """Retry later, so that held records reach the disk even if no further request comes."""
        self._retries = None
        if not self.retry():
            self._retries = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._retry_later)
