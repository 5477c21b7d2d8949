"""What requests did, written to the journal before anybody is told: opens before the provider, closes before the end."""

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
"""Records that memory keeps while the disk takes none."""

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
        """Everything so far is on disk."""
        return not self._held

    @property
    def blocked(self) -> bool:
        """No new request can be opened."""
        return len(self._held) >= self._bound

    @property
    def held(self) -> int:
        """Records in memory, waiting for the disk."""
        return len(self._held)

    @property
    def lag(self) -> float:
        """Seconds since memory had to keep a record that it still has; 0 when it keeps none."""
        return time.monotonic() - self._held_since if self._held else 0.0

    @property
    def backlog(self) -> int:
        """Bytes that are not yet in the database, in memory or on disk."""
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
        """Write what memory keeps, oldest first. True when nothing is left."""
        try:
            while self._held:
                self._journal.append(self._held[0])
                self._held.popleft()
        except JournalFull:
            return False
        return True

    def stop(self) -> Sequence[bytes]:
        """No more retries by itself; a last one now. What the disk still does not take is handed out, oldest first."""
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
        """Also without further requests the held records reach the disk once it has room."""
        self._retries = None
        if not self.retry():
            self._retries = asyncio.get_running_loop().call_later(_RETRY_SECONDS, self._retry_later)
