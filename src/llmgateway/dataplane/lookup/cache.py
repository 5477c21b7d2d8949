"""lookup: an answer that this organisation already has. Only whole, successful answers are kept, in canon, for any dialect."""

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
from llmgateway.dataplane.dispatch.assembly import Assembly
from llmgateway.dataplane.lookup.fingerprint import fingerprint
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import Problem
from llmgateway.kit.cache_store import CacheStore
from llmgateway.providers.base import Answer, Reply, Step

_KEPT_OPERATIONS: Final = frozenset({Operation.CHAT, Operation.EMBEDDINGS, Operation.COMPLETIONS, Operation.RERANK})
_KEPT_FINISHES: Final = frozenset({None, "stop", "length", "tool_calls", "function_call"})
_GOES_ON: Final = frozenset({"pause_turn"})
"""Reasons of a provider that say that the answer is to be continued."""
_PURGE_SECONDS: Final = 0.05
_LARGEST: Final = 2 << 20
"""Bytes of an answer that is worth keeping."""
_MOST_COLLECTED: Final = 32 << 20
"""Bytes of the stream of one: a few hundred for each word."""
_SLICE: Final = 1 << 16


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A kept answer, and what it was worth."""

    body: Json
    usage: Usage | None
    finish: str | None
    text: str
    provider: str
    served_model: str
    list_cost_nanos: int | None
    """What the asked-for model costs for it: what each hit saves."""


@dataclass(slots=True)
class CacheTotals:
    """Since the process began."""

    hits: int = 0
    misses: int = 0
    saved_nanos: int = 0


class Look:
    """One call's look into the cache."""

    def __init__(self, cache: "ResponseCache", key: KeySnapshot, call: Call, mark: bytes | None, seconds: int) -> None:
        self._cache = cache
        self._key = key
        self.call = call
        self.mark = mark
        """The call's fingerprint; None where nothing is looked up or kept."""
        self._seconds = seconds
        self._began = cache.purges.count
        self.entry: Entry | None = None
        self.flight: _Flight | None = None
        """Of this call, for which equal ones may wait."""

    @property
    def status(self) -> str:
        """As the caller is told: `hit`, `miss`, or `bypass` when it was not looked up."""
        if self.entry is not None:
            return "hit"
        return "miss" if self.mark is not None and self.call.wishes.cache_read else "bypass"

    async def alone(self) -> None:
        """Until no equal call waits for this one: its caller's leaving does not end it before."""
        while self.flight is not None and self.flight.waiting:
            self.flight.alone.clear()
            await self.flight.alone.wait()

    @property
    def keeps(self) -> bool:
        """Whether the answer shall be kept."""
        return self.mark is not None and self.call.wishes.cache_write and self.entry is None

    async def keep(self, answer: Answer, event: UsageEvent) -> None:
        """A whole answer, in canon, as its event says it went."""
        if not self.keeps or self.mark is None or not _worth_keeping(answer) or event.provider is None:
            return
        entry = Entry(
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
    """A call on its way, for which equal ones wait."""

    landing: "asyncio.Future[Entry | None]"
    nothing_kept: bool = False
    """It was answered, with something that is no answer to others."""
    waiting: int = 0
    """How many do."""
    alone: asyncio.Event = field(default_factory=asyncio.Event)
    """Nobody waits any more."""

    async def landed(self) -> Entry | None:
        """Wait for it. Whoever leaves while waiting leaves the others waiting."""
        self.waiting += 1
        try:
            return await asyncio.shield(self.landing)
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.alone.set()


@dataclass(slots=True)
class _Purges:
    """The latest purges, so that an answer that was on its way when one came is not kept after it."""

    count: int = 0
    latest: deque[tuple[int, frozenset[str]]] = field(default_factory=lambda: deque(maxlen=1_000))

    def note(self, labels: frozenset[str]) -> None:
        """One more."""
        self.count += 1
        self.latest.append((self.count, labels))

    def touched(self, labels: frozenset[str], since: int) -> bool:
        """Whether one of those since then would have taken an entry with these labels."""
        if self.count - since > len(self.latest):
            return True  # too many to know
        return any(number > since and purged <= labels for number, purged in self.latest)


@dataclass(slots=True)
class ResponseCache:
    """The answers of this installation, or of this process, behind a store."""

    store: CacheStore
    secret: bytes = field(repr=False)
    """Fingerprints are keyed by it."""
    default_seconds: int | None
    """Of gateway.yaml; None is off unless organisation, key or caller says otherwise."""
    totals: CacheTotals = field(default_factory=CacheTotals)
    purges: _Purges = field(default_factory=_Purges)
    _purging: set["asyncio.Task[int]"] = field(default_factory=set)
    _flights: dict[bytes, "_Flight"] = field(default_factory=dict)

    def looking(self, call: Call, key: KeySnapshot) -> AbstractAsyncContextManager[Look]:
        """The look-up, and the time until the answer is there: equal calls that are not streamed wait for the first.

        Raises, when it is entered, the Problem of the call that was waited for.
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
        self._count(look)
        if shared is None or look.entry is not None:
            yield look
            return
        async with self._flying(shared) as look.flight:
            yield look

    async def put(self, mark: bytes, entry: Entry, seconds: int, labels: frozenset[str], *, since: int) -> None:
        """Keep an entry, unless a purge came since its call began, and hand it to whoever waits for it."""
        value = msgspec.json.encode(entry)
        if len(value) <= _LARGEST and not self.purges.touched(labels, since):
            await self.store.put(mark, value, seconds, labels)
        flight = self._flights.get(mark)
        if flight is not None and not flight.landing.done():
            flight.landing.set_result(msgspec.json.decode(value, type=Entry))

    async def purge(self, *, org_id: str, key_id: str | None = None, model: str | None = None) -> int:
        """Forget an organisation's answers, or those of one key or model."""
        labels = _labels(org_id, key_id, model)
        self.purges.note(labels)
        return await self.store.purge(labels)

    def hear(self, purge: CachePurged) -> None:
        """As announced: from now on nothing of it is served, and soon nothing of it is kept."""
        labels = _labels(purge.org_id, purge.key_id, purge.model)
        self.purges.note(labels)
        task = asyncio.ensure_future(self.store.purge(labels))
        self._purging.add(task)
        task.add_done_callback(self._purging.discard)

    def _seconds(self, call: Call, key: KeySnapshot) -> int:
        """How long an answer is kept; 0 is off. The caller's word, then the key's, the organisation's, the file's."""
        if key.test or call.operation not in _KEPT_OPERATIONS or not call.wishes.retain:
            return 0
        if call.dialect is Dialect.RESPONSES and (call.body.get("store") or call.body.get("previous_response_id")):
            return 0  # it belongs to a conversation that the provider keeps
        said = (call.wishes.cache_seconds, key.cache_seconds, key.org.cache_seconds, self.default_seconds)
        return next((seconds for seconds in said if seconds is not None), 0)

    async def _get(self, mark: bytes) -> Entry | None:
        # While a purge is under way it may not have come to this answer yet.
        if self._purging and (await asyncio.wait(self._purging, timeout=_PURGE_SECONDS))[1]:
            return None
        value = await self.store.get(mark)
        return None if value is None else msgspec.json.decode(value, type=Entry)

    def _count(self, look: Look) -> None:
        if look.entry is not None:
            self.totals.hits += 1
            self.totals.saved_nanos += look.entry.list_cost_nanos or 0
        elif look.status == "miss":
            self.totals.misses += 1

    @asynccontextmanager
    async def _flying(self, mark: bytes) -> AsyncGenerator[_Flight]:
        """While this call is on its way others wait for it.

        They hear of its failure; its caller's leaving ends it only when nobody else waits; when its answer is none to keep, all ask
        for themselves at once, not one after the other.
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


def _labels(org_id: str, key_id: str | None, model: str | None) -> frozenset[str]:
    labels = {f"org:{org_id}"}
    if key_id is not None:
        labels.add(f"key:{key_id}")
    if model is not None:
        labels.add(f"model:{model}")
    return frozenset(labels)


class HeldAnswers:
    """The contract's CacheReport, over the store."""

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


class Collector:
    """Puts together what went to the caller as a stream, to be kept when it was whole."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._assembly = Assembly()
        self._native: Target | None = None
        self._frames = bytearray()
        """One after the other: the smallest would take many times their room."""
        self._too_long = False

    def note(self, steps: Sequence[Step], target: Target, *, native: bool, came: int) -> None:
        """Steps that go to the caller now, out of a stream of which so many bytes have come."""
        if self._too_long or came > _MOST_COLLECTED:
            self._too_long, self._frames, self._assembly, self._native = True, bytearray(), Assembly(), None
            return
        if native:
            self._native = target
            for step in steps:
                self._frames += step.raw
            return
        self._read()
        for step in steps:
            self._assembly.add(step)

    def answer(self) -> Answer | None:
        """The whole, only when the stream has finished; None where it was too long to be kept."""
        self._read()
        return None if self._too_long else self._assembly.answer()

    def _read(self) -> None:
        if self._native is None:
            return
        decoder, self._native = self._native.provider.rereads(self._call), None
        for start in range(0, len(self._frames), _SLICE):
            for step in decoder.feed(bytes(self._frames[start : start + _SLICE])):
                self._assembly.add(step)
        for step in decoder.close():
            self._assembly.add(step)


def can_be_collected(call: Call, target: Target) -> bool:
    """Whether its answer can be said in canon: all can, but the provider's own Responses and streams that are no chat."""
    if call.dialect is Dialect.RESPONSES and target.provider.speaks(call):
        return False
    return call.operation is Operation.CHAT or not call.stream


def in_canon(answer: Answer, call: Call, target: Target) -> Answer | None:
    """An answer as every dialect can write it, also where the caller got the provider's own bytes; None when it has no canon."""
    if not can_be_collected(call, target):
        return None
    if answer.raw is None or call.dialect is Dialect.OPENAI:
        return answer
    spoken = msgspec.structs.replace(call, dialect=Dialect.OPENAI, body=call.canon)
    return target.provider.read(spoken, Reply(200, {}, answer.raw))


def _worth_keeping(answer: Answer) -> bool:
    """Whole and successful: finished by itself, by its limit or for a tool; nothing filtered, nothing refused."""
    if "choices" not in answer.body:
        return answer.finish in _KEPT_FINISHES
    choices = objects(answer.body["choices"])
    finishes = {choice.get("finish_reason") for choice in choices}
    refused = any(is_object(choice.get("message")) and choice["message"].get("refusal") for choice in choices)
    paused = any(choice.get("native_finish_reason") in _GOES_ON for choice in choices)
    return bool(choices) and finishes <= _KEPT_FINISHES and None not in finishes and not refused and not paused
