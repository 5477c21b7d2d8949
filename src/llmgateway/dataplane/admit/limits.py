"""admit, and its other half: reserve what a request may use in one atomic store call, and settle it exactly once."""

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import msgspec

from llmgateway.contract.channels import KeyChanged, SourceUnavailable
from llmgateway.contract.refusals import no_room, with_left
from llmgateway.contract.snapshot import KeySnapshot, Quota
from llmgateway.contract.usage import CRASHED, Outcome, UsageEvent
from llmgateway.dataplane.admit.scopes import (
    LimitKind,
    Need,
    PreparedLimits,
    ScopedClaim,
    counter_prefixes,
    kind_of,
    money_counters,
    period_had_begun,
)
from llmgateway.dataplane.admit.seeding import Seeder
from llmgateway.errors import PaymentRequired, TooMany, Unavailable
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id
from llmgateway.kit.money import dollars
from llmgateway.kit.recent import Recent
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
    kind: [f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset")] for kind in ("requests", "tokens")
}
"""What windows count -> the three headers about the tightest of them."""
_IN_VAIN: Final = ("x-should-retry", "false")
"""The SDKs of OpenAI and Anthropic repeat every 429, whatever it says, unless this header is in it."""
_NEVER_CORRECTED: Final = frozenset({"requests", "running"})
"""Claims of these kinds are never corrected: a request counts as one, and a running place is given back whole."""
_SETTLED: Final = timedelta(minutes=50)
"""A request with a close record that began longer ago was settled by its own process. Stores remember settlements for an hour."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_MOST_CHANGES: Final = 10_000
_MOST_ENDED: Final = 10_000
_REMEMBERED: Final = 4096
"""Keys whose limits are remembered."""
_UNKNOWN = "What this key may still spend cannot be known now, because the store that counts it does not answer. Try again shortly."


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What a request used in the end: tokens, and its cost and charge in nanos."""

    tokens: int = 0
    requests: int = 0
    """1 when a provider served it, for the plan's quota."""
    nanos: int = 0
    charge: int = 0

    @classmethod
    def by(cls, event: UsageEvent) -> Self:
        """What counts of an event. A cache hit counts nothing, and a request that no provider served is not one of the plan's."""
        if event.cache == "hit":
            return cls()
        tokens = event.prompt_tokens + event.completion_tokens
        served = event.outcome is Outcome.FINISHED or tokens > 0
        return cls(tokens=tokens, requests=int(served), nanos=event.cost_nanos or 0, charge=event.charge_nanos or 0)

    def of(self, kind: LimitKind) -> int:
        """The part that counters of this kind count."""
        if kind == "money":
            return self.nanos
        if kind == "charge":
            return self.charge
        return self.requests if kind == "quota_requests" else self.tokens


class Ticket(msgspec.Struct, frozen=True):
    """The reservation of an admitted request. Whoever holds the answer settles it."""

    id: str
    headers: tuple[tuple[str, str], ...] = ()
    """`x-ratelimit-...`; none where nothing is limited."""
    claims: tuple[tuple[str, LimitKind], ...] = ()
    """(name, kind) of each counter that is corrected when the request ends."""
    held: bool = False
    """Whether the store has reserved anything for it."""
    since: float = 0.0
    """When it was admitted, in monotonic seconds: limits that changed later did not count it."""


class Limiter:
    """Admits requests and settles them. All of this process's tickets share one lease, which `live` keeps alive."""

    def __init__(self, store: Store, clock: Clock, seeder: Seeder | None = None) -> None:
        self._store = store
        self.clock = clock
        self._seeder = seeder
        self._lease = new_id("lease", clock.now())
        self._changes: dict[str | None, float] = {}
        """Id of a key or organisation, None for all of them -> when its limits last changed, in monotonic seconds, oldest first."""
        self._ended: dict[str, Ticket] = {}
        """By their ids, requests that are over and not known to be in the database, oldest first."""
        self._key_limits = Recent[int, tuple[KeySnapshot, PreparedLimits]](_REMEMBERED)
        """`id` of a snapshot -> the snapshot, kept alive so that no other gets its id, and its limits."""

    async def admit(self, key: KeySnapshot, ticket_id: str, need: Need) -> Ticket:
        """Reserve the request, its prompt and its longest answer (as far as there is room), in all scopes or in none.

        Raises TooMany, PaymentRequired (a quota or budget is used up), and Unavailable when money cannot be counted.
        """
        now, since = self.clock.now(), self.clock.monotonic()
        _, limits = self._key_limits.get(id(key), lambda _: (key, PreparedLimits(key)))
        if limits.free:
            return Ticket(ticket_id, since=since)
        claims = limits.claims(need, now)
        verdict = await self._ask(key, ticket_id, claims, now)
        headers = _headers(claims, verdict)
        if not verdict.admitted:
            raise _refusal(key.org.quota, claims, verdict, headers)
        corrected: list[tuple[str, LimitKind]] = [
            (one.claim.key, one.kind) for one in claims if one.kind not in _NEVER_CORRECTED
        ]
        return Ticket(ticket_id, headers, tuple(corrected), held=True, since=since)

    async def settle(self, ticket: Ticket, used: Used) -> None:
        """Correct what was reserved to the truth and free the place. The second call changes nothing."""
        if not ticket.held:
            return
        await self._store.settle(ticket.id, {name: used.of(kind) for name, kind in ticket.claims})

    async def end(self, ticket: Ticket, event: UsageEvent) -> None:
        """Settle the ticket of a request that is over."""
        self._ended[ticket.id] = ticket
        if len(self._ended) > _MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        await self.settle(ticket, Used.by(event))

    async def stored(self, event: UsageEvent, ago: float = 0.0) -> None:
        """A request of this process has been in the database for `ago` seconds. Limits that were set since it began count it now.

        Not before: what they count from there may have it already.
        """
        ticket = self._ended.pop(event.id, None)
        changed = (self._changes.get(one, -math.inf) for one in (event.org_id, event.key_id, None))
        if ticket is not None and max(changed) >= ticket.since:
            used, corrected = Used.by(event), [name for name, _ in ticket.claims]
            truths = {name: used.of(kind) for name, kind in counter_prefixes(event).items()}
            await self._store.count_also(ticket.id, truths, corrected, ago)

    def holds(self, request_id: str) -> bool:
        """Whether the store still waits for this request's settlement. If this process dies, the one that adopts its journal settles."""
        return self._store.holds(request_id)

    def note(self, change: KeyChanged) -> None:
        """Note that the limits of a key or an organisation may have changed."""
        one = change.org_id or change.key_id
        self._changes.pop(one, None)
        self._changes[one] = self.clock.monotonic()
        if len(self._changes) > _MOST_CHANGES:
            del self._changes[next(iter(self._changes))]

    async def inherit(self, event: UsageEvent, ago: float = 0.0) -> None:
        """Settle a request of a dead process by the event that its journal left; it was stored `ago` seconds ago."""
        closed = event.error_code != CRASHED
        if closed and self.clock.now() - event.created_at > _SETTLED:
            return
        used = Used.by(event)
        names = await self._store.names(event.id, f"{{{event.org_id}}}") or await self._may_have_held(event)
        truths = {name: used.of(kind) for name in names if (kind := kind_of(name)) is not None}
        if names:
            await self._store.settle(event.id, truths, ago + STORING_SECONDS)

    async def _may_have_held(self, event: UsageEvent) -> Sequence[str]:
        """Counters that may have counted a request whose ticket the store has lost or freed."""
        newest = await self._store.newest([*counter_prefixes(event)])
        return list({*money_counters(event), *(name for name in newest if period_had_begun(name, event))})

    async def live(self, lag: Callable[[], float]) -> None:
        """Tell the store regularly, until cancelled, that this process lives and how far behind (`lag`, seconds) its journal is."""
        heard = -math.inf
        while True:
            now = self.clock.monotonic()
            if now - heard >= BEAT_SECONDS:
                heard = now
                await self._store.beat(self._lease)
            await self._store.lag(self._lease, lag())
            await asyncio.sleep(REPORT_SECONDS)

    async def _ask(self, key: KeySnapshot, ticket_id: str, claims: Sequence[ScopedClaim], now: datetime) -> Verdict:
        """The store's verdict, after its unknown counters were seeded. Raises Unavailable."""
        asked = [one.claim for one in claims]
        try:
            verdict = await self._store.admit(ticket_id, self._lease, asked)
            if not verdict.unknown or self._seeder is None:
                return verdict
            await self._seeder.seed(key, verdict.unknown, claims, now)
            verdict = await self._store.admit(ticket_id, self._lease, asked)
        except (MoneyUnknown, SourceUnavailable) as error:
            raise Unavailable(_UNKNOWN, retry_after=1) from error
        if verdict.unknown:
            raise Unavailable(_UNKNOWN, retry_after=1)
        return verdict


def _refusal(
    quota: Quota | None, claims: Sequence[ScopedClaim], verdict: Verdict, headers: tuple[tuple[str, str], ...]
) -> TooMany | PaymentRequired:  # fmt: skip
    """The refusal to tell the caller when several limits refuse: the one that takes longest to have room.

    Budgets and quotas come before rates.
    """
    refused = [(claims[place], place) for place in verdict.refused]
    counters = [(one, place) for one, place in refused if isinstance(one.claim, Counter)]
    spent = [(one, place) for one, place in counters if place not in verdict.held]
    if spent:
        one, place = max(spent, key=lambda found: found[0].resets_at or _NEVER)
        return _used_up(one, one.claim.limit - verdict.readings[place].used, quota, headers)
    if counters:
        return _all_held(counters[0][0], _at(verdict.now + 1), headers)
    seconds, place = max((_wait(one, verdict, place), place) for one, place in refused)
    return _rate_refusal(claims[place], seconds, verdict, headers)


def _rate_refusal(one: ScopedClaim, seconds: float, verdict: Verdict, headers: tuple[tuple[str, str], ...]) -> TooMany:
    """A rate or concurrency limit has no room for so many seconds; infinite where it never will."""
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
        return TooMany(
            f"This request needs {one.counted(one.claim.cost)}, more than {_lower(limit)} ever allows. "
            "Make it shorter, or ask for a higher limit.",
            retry_after=60,
            headers=(*headers, _IN_VAIN),
        )
    retry_after = max(1, math.ceil(seconds))
    until = _at(verdict.now + retry_after)
    return TooMany(
        f"{limit} is reached. Try again in {retry_after} s (at {until:%Y-%m-%dT%H:%M:%SZ}), or ask for a higher limit.",
        retry_after=retry_after,
        resets_at=until,
        headers=headers,
    )


def _used_up(one: ScopedClaim, left: int, quota: Quota | None, headers: tuple[tuple[str, str], ...]) -> PaymentRequired:
    """A quota, a budget or the credit is used up: the refusal says whose, and when or how there is room again."""
    if one.kind == "charge":
        stands = f"${dollars(left)} is left" if left >= 0 else f"${dollars(-left)} is owed, running requests included"
        message = (
            f"{one.whose}'s prepaid credit has no room for this request ({stands}). "
            "Buy credit or a plan on its billing page, or use a provider key of your own."
        )
        return PaymentRequired(message, code="insufficient_credit", headers=headers)
    anew = "" if one.resets_at is None else f" It begins anew at {one.resets_at:%Y-%m-%dT%H:%M:%SZ}."
    if one.kind == "money":
        then = f"{anew} Or raise the budget." if anew else " Raise the budget to go on."
        message = with_left(no_room(one.whose, one.limit, one.span), left) + then
        return PaymentRequired(message, code="budget_exceeded", resets_at=one.resets_at, headers=headers)
    stands = "they are used up" if left <= 0 else f"{left:,} of them are left; this request needs {one.claim.cost:,}"
    message = f"{one.whose} includes {one.limit} {one.span}, and {stands}.{anew} Or choose a larger plan."
    if quota is not None and quota.overage_limit is not None:
        message = (
            f"This organisation's own limit of ${dollars(quota.overage_limit)} a month beyond its plan is reached: with what "
            f"the plan includes it is for {one.limit}, and {stands}.{anew} Or raise the limit on its billing page."
        )
    return PaymentRequired(message, code="quota_exceeded", resets_at=one.resets_at, headers=headers)


def _all_held(one: ScopedClaim, again: datetime, headers: tuple[tuple[str, str], ...]) -> TooMany:
    """There would be room, but running requests have reserved it."""
    if one.kind == "charge":
        what, code = f"What is left of {_lower(one.whose)}'s prepaid credit", "insufficient_credit"
    elif one.kind == "money":
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


def _wait(one: ScopedClaim, verdict: Verdict, place: int) -> float:
    if not isinstance(one.claim, Window):
        return 0.0
    wait = room_after(one.claim, verdict.readings[place], verdict.now)
    return math.inf if wait is None else wait


def _headers(claims: Sequence[ScopedClaim], verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """OpenAI's rate limit headers for requests and tokens, each about the window with the least left."""
    tightest: dict[str, tuple[int, Window, Reading]] = {}
    for one, reading in zip(claims, verdict.readings, strict=True):
        claim = one.claim
        if isinstance(claim, Window):
            left = claim.limit - reading.used
            if (known := tightest.get(one.kind)) is None or left < known[0]:
                tightest[one.kind] = (left, claim, reading)
    headers: list[tuple[str, str]] = []
    for kind, (left, window, reading) in tightest.items():
        limit, remaining, reset = _HEADER_NAMES[kind]
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
