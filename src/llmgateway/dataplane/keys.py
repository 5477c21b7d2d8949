"""identify: find the KeySnapshot of a credential, in memory or by the SnapshotSource (one SELECT)."""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from llmgateway.contract.channels import KeyChanged, SnapshotSource, SourceUnavailable, UseSink
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.errors import Forbidden, TooMany, Unauthorized, Unavailable
from llmgateway.kit.addresses import is_inside, neighbourhood
from llmgateway.kit.clock import Clock

_FRESH_SECONDS = 60.0
_USABLE_SECONDS = 3600.0
"""How long a snapshot serves while PostgreSQL cannot be reached."""
_UNKNOWN_SECONDS = 10.0
_REFUSALS_A_MINUTE = 60
_REPORT_SECONDS = 5.0
_MAX_KEYS = 100_000
_MOST_ASKED = 4
_MAX_ADDRESSES = 10_000


@dataclass(slots=True)
class _Entry:
    snapshot: KeySnapshot | None
    """None when there is no such key."""
    asked_at: float


class Keys:
    """A bounded memory of key snapshots. Secrets are kept as digests only."""

    def __init__(self, source: SnapshotSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._entries = OrderedDict[bytes, _Entry]()
        self._asking: dict[bytes, asyncio.Task[KeySnapshot | None]] = {}
        self._refusals = OrderedDict[str, tuple[int, int]]()
        self._uses: dict[str, datetime] = {}
        """Secret id -> its last use, as far as it was not reported yet."""
        self._generation = 0
        """Rises with every announcement: a snapshot that was asked for before one is not remembered after it."""

    async def identify(self, secret: str | None, address: str) -> KeySnapshot:
        """The snapshot of a usable key.

        Raises Unauthorized, TooMany (401s are limited to 60 a minute per address), Forbidden, and Unavailable when the
        key is unknown here and PostgreSQL cannot be asked.
        """
        if not secret:
            raise self._refused(
                address, "Send your API key as `Authorization: Bearer lgw_...` or `x-api-key: lgw_...`."
            )
        snapshot = await self._find(secret)
        if snapshot is None:
            raise self._refused(address, "This API key is not known. Check that it was copied whole and not revoked.")
        if snapshot.revoked:
            raise self._refused(address, "This API key was revoked. Create another one.")
        if snapshot.expires_at is not None and snapshot.expires_at <= self._clock.now():
            raise self._refused(address, "This API key has expired. Create another one.")
        if snapshot.org.suspended:
            raise Forbidden(
                "This organisation is suspended or being deleted. Its owner can find out why at the dashboard.",
                code="organisation_closed",
            )
        if snapshot.networks is not None and not is_inside(address, snapshot.networks):
            raise Forbidden(
                f"This API key may not be used from {address}. Add the address to the key's ranges.",
                code="address_denied",
            )
        if snapshot.secret_id is not None:
            self._uses[snapshot.secret_id] = self._clock.now()
        return snapshot

    async def report_uses(self, sink: UseSink) -> None:
        """Report every few seconds when secrets were last used, until cancelled. What cannot be reported now is reported later."""
        while True:
            await asyncio.sleep(_REPORT_SECONDS)
            uses, self._uses = self._uses, {}
            if not uses:
                continue
            try:
                await sink.used(uses)
            except SourceUnavailable:
                self._uses = {**uses, **self._uses}

    def forget(self, change: KeyChanged) -> None:
        """Forget the snapshots that a change concerns."""
        self._generation += 1
        if change.key_id is None and change.org_id is None:
            self._entries.clear()
            return
        touches = _touches(change)
        for digest in [digest for digest, entry in self._entries.items() if touches(entry.snapshot)]:
            del self._entries[digest]

    async def _find(self, secret: str) -> KeySnapshot | None:
        digest = hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), digest_size=16).digest()
        entry = self._entries.get(digest)
        now = self._clock.monotonic()
        if entry is not None:
            age = now - entry.asked_at
            fresh = age < (_FRESH_SECONDS if entry.snapshot is not None else _UNKNOWN_SECONDS)
            if fresh and not self._of_another_period(entry.snapshot):
                return entry.snapshot
        try:
            return await self._ask_once(digest, secret)
        except SourceUnavailable as error:
            if entry is not None and entry.snapshot is not None and now - entry.asked_at < _USABLE_SECONDS:
                return entry.snapshot
            raise Unavailable(
                "This API key cannot be checked now, because the gateway's database does not answer. Try again shortly.",
                retry_after=1,
            ) from error

    def _of_another_period(self, snapshot: KeySnapshot | None) -> bool:
        """Whether its billing period is over, so that its quota must be asked for anew."""
        quota = snapshot.org.quota if snapshot is not None else None
        return quota is not None and quota.period_end <= self._clock.now()

    async def _ask_once(self, digest: bytes, secret: str) -> KeySnapshot | None:
        """Concurrent requests with one unknown key ask PostgreSQL once."""
        task = self._asking.get(digest)
        if task is None:
            task = asyncio.ensure_future(self._ask(digest, secret))
            self._asking[digest] = task
            task.add_done_callback(lambda done: self._asked(digest, done))
        return await asyncio.shield(task)

    async def _ask(self, digest: bytes, secret: str) -> KeySnapshot | None:
        """What was announced meanwhile may be of this key: then it is asked for once more, lest a limit or an end be overlooked."""
        snapshot = None
        for _ in range(_MOST_ASKED):
            generation = self._generation
            snapshot = await self._source.key_snapshot(secret)
            if generation == self._generation:
                self._entries[digest] = _Entry(snapshot, self._clock.monotonic())
                self._entries.move_to_end(digest)
                if len(self._entries) > _MAX_KEYS:
                    self._entries.popitem(last=False)
                break
        return snapshot

    def _asked(self, digest: bytes, task: asyncio.Task[KeySnapshot | None]) -> None:
        self._asking.pop(digest, None)
        if not task.cancelled():
            task.exception()  # whoever waits has it; nobody may be waiting any more

    def _refused(self, address: str, message: str) -> Unauthorized | TooMany:
        minute, place = int(self._clock.now().timestamp()) // 60, neighbourhood(address)
        then, count = self._refusals.get(place, (minute, 0))
        count = count + 1 if then == minute else 1
        self._refusals[place] = (minute, count)
        self._refusals.move_to_end(place)
        if len(self._refusals) > _MAX_ADDRESSES:
            self._refusals.popitem(last=False)
        if count > _REFUSALS_A_MINUTE:
            wait = 60 - int(self._clock.now().timestamp()) % 60
            return TooMany(
                f"Too many requests without a valid key from {address}. Try again in {wait} s.", retry_after=wait
            )
        return Unauthorized(message)


def _touches(change: KeyChanged) -> Callable[[KeySnapshot | None], bool]:
    def touched(snapshot: KeySnapshot | None) -> bool:
        if snapshot is None:
            return True  # the key may exist now
        return snapshot.id == change.key_id or snapshot.org.id == change.org_id

    return touched
