"""The contract's Announcements: changes of keys, heard as they are committed."""

import asyncio
from collections.abc import Callable
from typing import Final

import msgspec

from llmgateway.contract.channels import CachePurged, KeyChanged
from llmgateway.controlplane.reception.announcing import CHANNEL
from llmgateway.db.listening import listen
from llmgateway.db.session import DATABASE_ERRORS, Database
from llmgateway.kit.outage import Outage

_RETRY_SECONDS: Final = 1.0


class _Purge(msgspec.Struct):
    """Cached answers to forget: of an organisation, or only those of a key or a model."""

    org_id: str
    key_id: str | None
    model: str | None


class _Change(msgspec.Struct):
    """The payload of a NOTIFY: what changed, or with `purge` what to forget."""

    key_id: str | None
    org_id: str | None
    purge: _Purge | None = None


class KeyAnnouncements:
    """Hears changes over a connection of its own, which is made anew when it is lost."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners = list[Callable[[KeyChanged], None]]()
        self._purgers = list[Callable[[CachePurged], None]]()
        self._decoder = msgspec.json.Decoder(_Change)
        self._outage = Outage("changes of API keys are not heard", "changes of API keys are heard again")

    def subscribe(self, listener: Callable[[KeyChanged], None]) -> None:
        """Have the listener called on the event loop for every change."""
        self._listeners.append(listener)

    def subscribe_purges(self, listener: Callable[[CachePurged], None]) -> None:
        """Have the listener called on the event loop for every purge of cached answers."""
        self._purgers.append(listener)

    async def listen(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                await listen(self._database, CHANNEL, self._heard, self._begin)
            except DATABASE_ERRORS as error:
                self._outage.goes_on(error)
            await asyncio.sleep(_RETRY_SECONDS)

    def _begin(self) -> None:
        """What was said while nobody listened was missed: everything may have changed."""
        self._outage.is_over()
        self._tell(KeyChanged(None, None))

    def _heard(self, payload: str) -> None:
        try:
            change = self._decoder.decode(payload)
        except msgspec.MsgspecError:
            self._tell(KeyChanged(None, None))  # said by another version: whatever it was, ask again
            return
        if change.purge is None:
            self._tell(KeyChanged(change.key_id, change.org_id))
            return
        purge = CachePurged(change.purge.org_id, change.purge.key_id, change.purge.model)
        for listener in self._purgers:
            listener(purge)

    def _tell(self, change: KeyChanged) -> None:
        for listener in self._listeners:
            listener(change)
