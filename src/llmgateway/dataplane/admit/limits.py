"""admit, and its other half: what a key and its organisation may use, reserved in one atomic call and settled once."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import msgspec

from llmgateway.catalog.recent import Recent
from llmgateway.contract.channels import KeyChanged, SourceUnavailable
from llmgateway.contract.refusals import no_room
from llmgateway.contract.snapshot import KeySnapshot, Quota
from llmgateway.contract.usage import CRASHED, Outcome, UsageEvent
from llmgateway.dataplane.admit.scopes import (
    Held,
    Need,
    Sort,
    Standing,
    beginnings,
    has_begun,
    money_of,
    sort_of,
)
from llmgateway.dataplane.admit.seeding import Seeder
from llmgateway.errors import PaymentRequired, TooMany, Unavailable
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id
from llmgateway.kit.money import dollars
from llmgateway.kit.resilient_store import MoneyUnknown
from llmgateway.kit.store import (
    BEAT_SECONDS,
    REPORT_SECONDS,
    STORING_SECONDS,
    Counter,
    Gauge,
    Reading,
    Store,
    Verdict,
    Window,
    empty_after,
    room_after,
)

_HEADER_NAMES: Final[Mapping[str, Sequence[str]]] = {
    sort: [f"x-ratelimit-{what}-{sort}" for what in ("limit", "remaining", "reset")] for sort in ("requests", "tokens")
}
"""Sort of windows -> the headers that tell of the tightest one."""
_NEVER_CORRECTED: Final = frozenset({"requests", "running"})
"""Sorts whose claims are what they were when the request was admitted, or given back whole."""
_SETTLED: Final = timedelta(minutes=50)
"""A closed request that began before was settled by its own process; stores remember an hour of settlements."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_MOST_CHANGES: Final = 10_000
_REMEMBERED: Final = 4096
"""Keys with what they are held to."""
_UNKNOWN = "What this key may still spend cannot be known now, because the store that counts it does not answer. Try again shortly."


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What a request came to."""

    tokens: int = 0
    requests: int = 0
    """1 when a provider served it, for the plan's quota."""
    nanos: int = 0
    charge: int = 0

    @classmethod
    def by(cls, event: UsageEvent) -> Self:
        """What counts: a hit gives all back, and what no provider served is no request of the plan's."""
        if event.cache == "hit":
            return cls()
        tokens = event.prompt_tokens + event.completion_tokens
        served = event.outcome is Outcome.FINISHED or tokens > 0
        return cls(tokens=tokens, requests=int(served), nanos=event.cost_nanos or 0, charge=event.charge_nanos or 0)

    def of(self, sort: Sort) -> int:
        """The part that a claim of this sort counts."""
        if sort == "money":
            return self.nanos
        if sort == "charge":
            return self.charge
        return self.requests if sort == "quota_requests" else self.tokens


class Ticket(msgspec.Struct, frozen=True):
    """What an admitted request holds; whoever holds the answer settles it."""

    id: str
    headers: tuple[tuple[str, str], ...] = ()
    """`x-ratelimit-...`; none where nothing is limited."""
    claims: tuple[tuple[str, Sort], ...] = ()
    """Names of the claims that are corrected at the end, and what each counts."""
    held: bool = False
    """Whether the store knows of it."""
    since: float = 0.0
    """Monotonic seconds: when it was asked for, by what its key was held to then."""


class Limiter:
    """Admits and settles. One lease stands for this process; `live` keeps it alive."""

    def __init__(self, store: Store, clock: Clock, seeder: Seeder | None = None) -> None:
        self._store = store
        self.clock = clock
        self._seeder = seeder
        self._lease = new_id("lease", clock.now())
        self._changes: dict[str | None, float] = {}
        """Key or organisation, or None for all of them -> when it last changed, in that order; monotonic seconds."""
        self._standings = Recent[int, tuple[KeySnapshot, Standing]](_REMEMBERED)
        """By the very snapshot, kept beside: a key that changed has another."""

    async def admit(self, key: KeySnapshot, ticket_id: str, need: Need) -> Ticket:
        """Reserve the request, its prompt and its longest answer (as far as there is room), in all scopes or in none.

        Raises TooMany, PaymentRequired (a quota or budget is used up), and Unavailable when money cannot be counted.
        """
        now, since = self.clock.now(), self.clock.monotonic()
        _, standing = self._standings.get(id(key), lambda _: (key, Standing(key)))
        if standing.free:
            return Ticket(ticket_id, since=since)
        held = standing.claims(need, now)
        verdict = await self._ask(key, ticket_id, held, now)
        headers = _headers(held, verdict)
        if not verdict.admitted:
            raise _refusal(key.org.quota, held, verdict, headers)
        corrected: list[tuple[str, Sort]] = [
            (one.claim.key, one.sort) for one in held if one.sort not in _NEVER_CORRECTED
        ]
        return Ticket(ticket_id, headers, tuple(corrected), held=True, since=since)

    async def settle(self, ticket: Ticket, used: Used) -> None:
        """Correct what was reserved to the truth and free the place. The second call changes nothing."""
        if not ticket.held:
            return
        await self._store.settle(ticket.id, {name: used.of(sort) for name, sort in ticket.claims})

    async def end(self, ticket: Ticket, event: UsageEvent) -> None:
        """Settle it, once. What its key and organisation are held to since then, and were not when it began, counts it as well."""
        used = Used.by(event)
        try:
            await self.settle(ticket, used)
        finally:
            if any(self._changes.get(one, -math.inf) >= ticket.since for one in (event.org_id, event.key_id, None)):
                truths = {name: used.of(sort) for name, sort in beginnings(event).items()}
                held = [name for name, _ in ticket.claims]
                await self._store.count_also(ticket.id, truths, held)

    def holds(self, request_id: str) -> bool:
        """Whether what a request came to is not known yet where others count: of a process that dies, its heir must tell it."""
        return self._store.holds(request_id)

    def note(self, change: KeyChanged) -> None:
        """What a key or an organisation is held to may be something else from now on."""
        one = change.org_id or change.key_id
        self._changes.pop(one, None)
        self._changes[one] = self.clock.monotonic()
        if len(self._changes) > _MOST_CHANGES:
            del self._changes[next(iter(self._changes))]

    async def inherit(self, event: UsageEvent, ago: float = 0.0) -> None:
        """Settle what a request of a dead process held, by the record it left; once that is in the database, so many seconds ago."""
        closed = event.error_code != CRASHED
        if closed and self.clock.now() - event.created_at > _SETTLED:
            return
        used = Used.by(event)
        names = await self._store.names(event.id, f"{{{event.org_id}}}") or await self._may_have_held(event)
        truths = {name: used.of(sort) for name in names if (sort := sort_of(name)) is not None}
        if names:
            await self._store.settle(event.id, truths, ago + STORING_SECONDS)

    async def _may_have_held(self, event: UsageEvent) -> Sequence[str]:
        """Counters of what nobody remembers: the store lost it, or freed it long after the death of its process."""
        newest = await self._store.newest([*beginnings(event)])
        return list({*money_of(event), *(name for name in newest if has_begun(name, event))})

    async def live(self, lag: Callable[[], float]) -> None:
        """Say until cancelled that this process lives, and how long ago what it counted was last stored."""
        heard = -math.inf
        while True:
            now = self.clock.monotonic()
            if now - heard >= BEAT_SECONDS:
                heard = now
                await self._store.beat(self._lease)
            await self._store.lag(self._lease, lag())
            await asyncio.sleep(REPORT_SECONDS)

    async def _ask(self, key: KeySnapshot, ticket_id: str, held: Sequence[Held], now: datetime) -> Verdict:
        """The store's verdict, after what it did not know was told to it. Raises Unavailable."""
        claims = [one.claim for one in held]
        try:
            verdict = await self._store.admit(ticket_id, self._lease, claims)
            if not verdict.unknown or self._seeder is None:
                return verdict
            await self._seeder.seed(key, verdict.unknown, held, now)
            verdict = await self._store.admit(ticket_id, self._lease, claims)
        except (MoneyUnknown, SourceUnavailable) as error:
            raise Unavailable(_UNKNOWN, retry_after=1) from error
        if verdict.unknown:
            raise Unavailable(_UNKNOWN, retry_after=1)
        return verdict


def _refusal(
    quota: Quota | None, held: Sequence[Held], verdict: Verdict, headers: tuple[tuple[str, str], ...]
) -> TooMany | PaymentRequired:  # fmt: skip
    """The refusal by the claim that takes longest to have room; money and quota before rates, what never comes back first."""
    refused = [(held[place], place) for place in verdict.refused]
    counters = [(one, place) for one, place in refused if isinstance(one.claim, Counter)]
    spent = [(one, place) for one, place in counters if place not in verdict.held]
    if spent:
        one, place = max(spent, key=lambda found: found[0].resets_at or _NEVER)
        return _used_up(one, one.claim.limit - verdict.readings[place].used, quota, headers)
    if counters:
        return _all_held(counters[0][0], _at(verdict.now + 1), headers)
    seconds, place = max((_wait(one, verdict, place), place) for one, place in refused)
    one = held[place]
    limit = f"{one.whose}'s limit of {one.limit} {one.span}"
    if isinstance(one.claim, Gauge):
        return TooMany(
            f"{limit} is in use. Wait for a running request to end, send fewer at once, or ask for a higher limit.",
            code="concurrency_exceeded",
            retry_after=1,
            resets_at=_at(verdict.now + 1),
            headers=headers,
        )
    if math.isinf(seconds):
        what = "tokens" if one.sort == "tokens" else "requests"
        return TooMany(
            f"This request needs {one.claim.cost:,} {what}, more than {_lower(limit)} ever allows. "
            "Make it shorter, or ask for a higher limit.",
            retry_after=60,
            headers=headers,
        )
    retry_after = max(1, math.ceil(seconds))
    until = _at(verdict.now + retry_after)
    return TooMany(
        f"{limit} is reached. Try again in {retry_after} s (at {until:%Y-%m-%dT%H:%M:%SZ}), or ask for a higher limit.",
        retry_after=retry_after,
        resets_at=until,
        headers=headers,
    )


def _used_up(one: Held, left: int, quota: Quota | None, headers: tuple[tuple[str, str], ...]) -> PaymentRequired:
    """A quota, a budget or the credit has no room: which, whose, and when or how it comes back."""
    if one.sort == "charge":
        stands = f"${dollars(left)} is left" if left >= 0 else f"${dollars(-left)} is owed, running requests included"
        message = (
            f"{one.whose}'s prepaid credit has no room for this request ({stands}). "
            "Buy credit or a plan on its billing page, or use a provider key of your own."
        )
        return PaymentRequired(message, code="insufficient_credit", headers=headers)
    anew = "" if one.resets_at is None else f" It begins anew at {one.resets_at:%Y-%m-%dT%H:%M:%SZ}."
    if one.sort == "money":
        then = f"{anew} Or raise the budget." if anew else " Raise the budget to go on."
        message = no_room(one.whose, one.limit, one.span) + then
        return PaymentRequired(message, code="budget_exceeded", resets_at=one.resets_at, headers=headers)
    stands = "they are used up" if left <= 0 else f"{left:,} of them are left; this request needs {one.claim.cost:,}"
    message = f"{one.whose} includes {one.limit} {one.span}, and {stands}.{anew} Or choose a larger plan."
    if quota is not None and quota.overage_limit is not None:
        message = (
            f"This organisation's own limit of ${dollars(quota.overage_limit)} a month beyond its plan is reached: with what "
            f"the plan includes it is for {one.limit}, and {stands}.{anew} Or raise the limit on its billing page."
        )
    return PaymentRequired(message, code="quota_exceeded", resets_at=one.resets_at, headers=headers)


def _all_held(one: Held, again: datetime, headers: tuple[tuple[str, str], ...]) -> TooMany:
    """There is room, but requests that still run have reserved it."""
    if one.sort == "charge":
        what, code = f"What is left of {_lower(one.whose)}'s prepaid credit", "insufficient_credit"
    elif one.sort == "money":
        what, code = f"What is left of {_lower(one.whose)}'s budget of {one.limit} {one.span}", "budget_exceeded"
    else:
        what, code = f"What is left of the {one.limit} {one.span} of {_lower(one.whose)}", "quota_exceeded"
    return TooMany(
        f"{what} is held by requests that still run. Try again in a moment, or send `max_tokens`, so that each holds less.",
        code=code,
        retry_after=1,
        resets_at=again,
        headers=headers,
    )


def _wait(one: Held, verdict: Verdict, place: int) -> float:
    if not isinstance(one.claim, Window):
        return 0.0
    wait = room_after(one.claim, verdict.readings[place], verdict.now)
    return math.inf if wait is None else wait


def _headers(held: Sequence[Held], verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """OpenAI's rate limit headers, each from the window of its sort with the least left."""
    tightest: dict[str, tuple[int, Window, Reading]] = {}
    for one, reading in zip(held, verdict.readings, strict=True):
        claim = one.claim
        if isinstance(claim, Window):
            left = claim.limit - reading.used
            if (known := tightest.get(one.sort)) is None or left < known[0]:
                tightest[one.sort] = (left, claim, reading)
    headers: list[tuple[str, str]] = []
    for sort, (left, window, reading) in tightest.items():
        limit, remaining, reset = _HEADER_NAMES[sort]
        headers.append((limit, str(window.limit)))
        headers.append((remaining, str(max(0, left))))
        headers.append((reset, duration(empty_after(window, reading, verdict.now))))
    return tuple(headers)


def duration(seconds: float) -> str:
    """Seconds as OpenAI's headers write them: `120ms`, `1.2s`, `6m0s`, `1h0m0s`."""
    millis = math.ceil(seconds * 1000)
    if millis < 1000:
        return f"{millis}ms"
    if millis < 60_000:
        return f"{millis / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    minutes, rest = divmod(math.ceil(millis / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"


def _at(unix: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=math.ceil(unix))


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
