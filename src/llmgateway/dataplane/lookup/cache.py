"""lookup: the cache of answers, each for its own organisation. Only whole and successful ones are kept, in canonical form."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object, objects
from llmgateway.canon.usage import Usage
from llmgateway.contract.channels import CachePurged, CacheShare
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import UsageEvent
from llmgateway.dataplane.lookup.fingerprint import fingerprint
from llmgateway.errors import Problem
from llmgateway.kit.cache_store import CacheStore
from llmgateway.providers.base import Answer

_KEPT_OPERATIONS: Final = frozenset({Operation.CHAT, Operation.EMBEDDINGS, Operation.COMPLETIONS, Operation.RERANK})
_KEPT_FINISHES: Final = frozenset({None, "stop", "length", "tool_calls", "function_call"})
_GOES_ON: Final = frozenset({"pause_turn"})
"""Providers' own finish reasons of answers that are to be continued."""
_PURGE_SECONDS: Final = 0.05
"""How long a look-up waits for purges that are under way; then it counts as a miss."""
_LARGEST: Final = 2 << 20
"""Bytes of the largest answer that is kept."""


class CachedAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer, and who gave it."""

    body: Json
    usage: Usage | None
    finish: str | None
    text: str
    provider: str
    served_model: str
    list_cost_nanos: int | None
    """What the answer would cost from the requested model: each hit saves so much. None is unpriced."""


class Look:
    """The look-up of one call: its hit, or the way to keep its answer."""

    def __init__(self, cache: "ResponseCache", key: KeySnapshot, call: Call, mark: bytes | None, seconds: int) -> None:
        self._cache = cache
        self._key = key
        self.call = call
        self.mark = mark
        """The call's fingerprint; None when the cache is off for this call."""
        self._seconds = seconds
        self._began = cache.purges.count
        self.entry: CachedAnswer | None = None
        self.flight: _Flight | None = None
        """Set while this call is the one that equal calls wait for."""

    @property
    def status(self) -> str:
        """The caller's `x-llmgateway-cache` header: `hit`, `miss`, or `bypass` when nothing was looked up."""
        if self.entry is not None:
            return "hit"
        return "miss" if self.mark is not None and self.call.wishes.cache_read else "bypass"

    async def until_nobody_waits(self) -> None:
        """Wait until no equal call waits for this one's answer."""
        while self.flight is not None and self.flight.waiting:
            self.flight.nobody_waits.clear()
            await self.flight.nobody_waits.wait()

    @property
    def keeps(self) -> bool:
        """Whether the answer shall be kept when it comes."""
        return self.mark is not None and self.call.wishes.cache_write and self.entry is None

    async def keep(self, answer: Answer, event: UsageEvent) -> None:
        """Keep a whole answer in canonical form, if it is worth keeping; its event says who gave it."""
        if not self.keeps or self.mark is None or not _worth_keeping(answer) or event.provider is None:
            return
        entry = CachedAnswer(
            body=answer.body,
            usage=answer.usage,
            finish=answer.finish,
            text=answer.text,
            provider=event.provider,
            served_model=event.served_model or "",
            list_cost_nanos=event.list_cost_nanos,
        )
        labels = frozenset({f"org:{self._key.org.id}", f"key:{self._key.id}", f"model:{self.call.model}"})
        await self._cache.put(self.mark, entry, self._seconds, labels, since=self._began)


@dataclass(slots=True)
class _Flight:
    """A call whose answer is on its way; equal calls may wait for it."""

    landing: "asyncio.Future[CachedAnswer | None]"
    nothing_kept: bool = False
    """Whether the answer came and was not worth keeping, so that it is no answer to those who wait."""
    waiting: int = 0
    """How many equal calls wait."""
    nobody_waits: asyncio.Event = field(default_factory=asyncio.Event)

    async def landed(self) -> CachedAnswer | None:
        """Wait for the answer. Cancelling one who waits cancels neither the call nor the others."""
        self.waiting += 1
        try:
            return await asyncio.shield(self.landing)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.nobody_waits.set()


@dataclass(slots=True)
class _Purges:
    """The latest purges. An answer that was on its way when a purge came must not be kept after it."""

    count: int = 0
    latest: deque[tuple[int, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=1_000))

    def note(self, labels: frozenset[str]) -> None:
        """Note a purge of the entries with all of these labels."""
        self.count += 1
        self.latest.append((self.count, labels))

    def touched(self, labels: frozenset[str], since: int) -> bool:
        """Whether a purge after the `since`-th would have removed an entry with these labels."""
        if self.count - since > len(self.latest):
            return True  # too many to remember, so assume the worst
        return any(number > since and purged <= labels for number, purged in self.latest)


@dataclass(slots=True)
class ResponseCache:
    """The response cache, over a store in this process or in Redis."""

    store: CacheStore
    secret: bytes = field(repr=False)
    """The key of the fingerprints' HMAC."""
    default_seconds: int | None
    """How long answers are kept by gateway.yaml; None is off unless the organisation, key or caller says otherwise."""
    purges: _Purges = field(default_factory=_Purges)
    _purging: set["asyncio.Task[int]"] = field(default_factory=set)
    _flights: dict[bytes, "_Flight"] = field(default_factory=dict)

    def looking(self, call: Call, key: KeySnapshot) -> AbstractAsyncContextManager[Look]:
        """Look a call up. The block lasts until its answer is there; equal calls that are not streamed wait for the first one.

        Entering it raises the Problem of the call that was waited for.
        """
        seconds = self._seconds(call, key)
        if not seconds:
            return nullcontext(Look(self, key, call, None, 0))
        return self._looking(Look(self, key, call, fingerprint(self.secret, key, call), seconds))

    @asynccontextmanager
    async def _looking(self, look: Look) -> AsyncGenerator[Look]:
        call = look.call
        shared = look.mark if not call.stream and call.wishes.cache_read and look.keeps else None
        while look.mark is not None and call.wishes.cache_read:
            look.entry = await self._get(look.mark)
            flight = self._flights.get(look.mark) if shared and look.entry is None else None
            if flight is None:
                break
            look.entry = await flight.landed()
            if flight.nothing_kept:
                shared = None
            if look.entry is not None or shared is None:
                break
        if shared is None or look.entry is not None:
            yield look
            return
        async with self._flying(shared) as look.flight:
            yield look

    async def put(self, mark: bytes, entry: CachedAnswer, seconds: int, labels: frozenset[str], *, since: int) -> None:
        """Keep an entry for `seconds`, unless a purge came since its call began, and hand it to the calls that wait."""
        value = msgspec.json.encode(entry)
        if len(value) <= _LARGEST and not self.purges.touched(labels, since):
            await self.store.put(mark, value, seconds, labels)
        flight = self._flights.get(mark)
        if flight is not None and not flight.landing.done():
            flight.landing.set_result(msgspec.json.decode(value, type=CachedAnswer))

    def forget(self, purge: CachePurged) -> None:
        """Serve none of the purged answers from now on; the store drops them in the background."""
        labels = _labels(purge)
        self.purges.note(labels)
        task = asyncio.ensure_future(self.store.purge(labels))
        self._purging.add(task)
        task.add_done_callback(self._purging.discard)

    def _seconds(self, call: Call, key: KeySnapshot) -> int:
        """How long the answer is kept, 0 for not at all: as the caller says, else the key, the organisation, or gateway.yaml."""
        if key.test or call.operation not in _KEPT_OPERATIONS or not call.wishes.retain:
            return 0
        if call.dialect is Dialect.RESPONSES and (call.body.get("store") or call.body.get("previous_response_id")):
            return 0  # it belongs to a conversation that the provider keeps
        said = (call.wishes.cache_seconds, key.cache_seconds, key.org.cache_seconds, self.default_seconds)
        return next((seconds for seconds in said if seconds is not None), 0)

    async def _get(self, mark: bytes) -> CachedAnswer | None:
        # While a purge is under way it may not have come to this answer yet.
        if self._purging and (await asyncio.wait(self._purging, timeout=_PURGE_SECONDS))[1]:
            return None
        value = await self.store.get(mark)
        return None if value is None else msgspec.json.decode(value, type=CachedAnswer)

    @asynccontextmanager
    async def _flying(self, mark: bytes) -> AsyncGenerator[_Flight]:
        """The time in which equal calls wait for this one.

        If it fails they fail alike. If its answer is not worth keeping, all of them ask for themselves at once, not one after
        the other.
        """
        flight = self._flights[mark] = _Flight(asyncio.get_running_loop().create_future())
        landing = flight.landing
        try:
            yield flight
        except Problem as problem:
            if not landing.done():
                landing.set_exception(problem)
                landing.exception()  # nobody may be waiting
            raise
        else:
            flight.nothing_kept = not landing.done()
        finally:
            if not landing.done():
                landing.set_result(None)
            if self._flights.get(mark) is flight:
                del self._flights[mark]


def _labels(purge: CachePurged) -> frozenset[str]:
    labels = {f"org:{purge.org_id}"}
    if purge.key_id is not None:
        labels.add(f"key:{purge.key_id}")
    if purge.model is not None:
        labels.add(f"model:{purge.model}")
    return frozenset(labels)


class HeldAnswers:
    """What the store holds of an organisation: the contract's CacheReport."""

    def __init__(self, store: CacheStore) -> None:
        self._store = store

    async def held(self, org_id: str) -> Sequence[CacheShare]:
        sums: dict[tuple[str, str], list[int]] = {}
        for labels, size in await self._store.held(f"org:{org_id}"):
            said = dict(label.split(":", 1) for label in labels)
            share = sums.setdefault((said["model"], said["key"]), [0, 0])
            share[0] += 1
            share[1] += size
        return [
            CacheShare(model=model, key_id=key, entries=entries, bytes=size)
            for (model, key), (entries, size) in sorted(sums.items())
        ]


def _worth_keeping(answer: Answer) -> bool:
    """Whether an answer is whole and successful: it ended by itself, at its limit or for a tool, and nothing was filtered or refused."""
    if "choices" not in answer.body:
        return answer.finish in _KEPT_FINISHES
    choices = objects(answer.body["choices"])
    finishes = {choice.get("finish_reason") for choice in choices}
    refused = any(is_object(choice.get("message")) and choice["message"].get("refusal") for choice in choices)
    paused = any(choice.get("native_finish_reason") in _GOES_ON for choice in choices)
    return bool(choices) and finishes <= _KEPT_FINISHES and None not in finishes and not refused and not paused
