"""admit, and its other half: what a key and its organisation may use, reserved in one atomic call and settled once."""

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from llmgateway.contract.snapshot import KeySnapshot, Limits
from llmgateway.errors import TooMany
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id
from llmgateway.kit.store import BEAT_SECONDS, Claim, Gauge, Store, Verdict, Window, empty_after, room_after

_UNSTATED_OUTPUT = 4096
_UNLIMITED = Limits()
_HEADER_NAMES = ("requests", "tokens")

_Words = tuple[str, str, str]
"""Whose limit, of what, in how long: (`This key`, `requests`, `a minute`)."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """What an admitted request holds; whoever holds the answer settles it."""

    id: str
    headers: tuple[tuple[str, str], ...] = ()
    """`x-ratelimit-...`; none where nothing is limited."""
    reserved_tokens: int = 0
    """Of the tightest token window; 0 where tokens are not limited."""
    token_windows: tuple[str, ...] = ()
    held: bool = False
    """Whether the store knows of it."""


@dataclass(slots=True)
class _Wish:
    """The claims of one request, each with its words for a refusal."""

    claims: list[Claim] = field(default_factory=list[Claim])
    words: list[_Words] = field(default_factory=list[_Words])

    def add(self, claim: Claim, words: _Words) -> None:
        self.claims.append(claim)
        self.words.append(words)


class Limiter:
    """Admits and settles. One lease stands for this process; it is kept alive while tickets are open."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._lease = new_id("lease", clock.now())
        self._open = 0
        self._beats: asyncio.Task[None] | None = None

    async def admit(self, snapshot: KeySnapshot, ticket_id: str, prompt_tokens: int, max_output: int | None) -> Ticket:
        """Reserve the request, its prompt and its longest answer (as far as there is room), in all scopes or in none.

        Raises TooMany, which names the limit, whose it is, and when there is room again.
        """
        if snapshot.limits == _UNLIMITED and snapshot.org.limits == _UNLIMITED:
            return Ticket(ticket_id)
        wish = _wish(snapshot, prompt_tokens, _UNSTATED_OUTPUT if max_output is None else max_output)
        verdict = await self._store.admit(ticket_id, self._lease, wish.claims)
        headers = _headers(wish.claims, verdict)
        if not verdict.admitted:
            raise _refusal(wish, verdict, headers)
        self._open += 1
        self._keep_alive()
        tokens = [
            (claim.key, reading.reserved)
            for claim, reading, words in zip(wish.claims, verdict.readings, wish.words, strict=True)
            if words[1] == "tokens"
        ]
        return Ticket(
            id=ticket_id,
            headers=headers,
            reserved_tokens=min((reserved for _, reserved in tokens), default=0),
            token_windows=tuple(key for key, _ in tokens),
            held=True,
        )

    async def settle(self, ticket: Ticket, tokens: int | None) -> None:
        """Correct the tokens to the truth and free the place; None gives all tokens back. The second call changes nothing."""
        if ticket.held and await self._store.settle(ticket.id, dict.fromkeys(ticket.token_windows, tokens or 0)):
            self._open -= 1

    async def close(self) -> None:
        """End the heartbeat."""
        if self._beats is not None:
            self._beats.cancel()
            await asyncio.gather(self._beats, return_exceptions=True)
            self._beats = None

    def _keep_alive(self) -> None:
        if self._beats is None or self._beats.done():
            self._beats = asyncio.get_running_loop().create_task(self._beat())

    async def _beat(self) -> None:
        while self._open > 0:
            await asyncio.sleep(BEAT_SECONDS)
            await self._store.beat(self._lease)


def _wish(snapshot: KeySnapshot, prompt: int, output: int) -> _Wish:
    wish, org = _Wish(), snapshot.org
    # All keys of an organisation share the part in braces, so that a cluster keeps them on one node.
    if snapshot.limits != _UNLIMITED:
        _claim(wish, f"{{{org.id}}}:{snapshot.id}", "This key", snapshot.limits, (prompt, output))
    if org.limits != _UNLIMITED:
        _claim(wish, f"{{{org.id}}}", "This organisation", org.limits, (prompt, output))
    return wish


def _claim(wish: _Wish, scope: str, whose: str, limits: Limits, tokens: tuple[int, int]) -> None:
    if limits.requests_per_minute is not None:
        wish.add(Window(f"{scope}:rpm", 60, limits.requests_per_minute), (whose, "requests", "a minute"))
    if limits.requests_per_hour is not None:
        wish.add(Window(f"{scope}:rph", 3_600, limits.requests_per_hour), (whose, "requests", "an hour"))
    if limits.requests_per_day is not None:
        wish.add(Window(f"{scope}:rpd", 86_400, limits.requests_per_day), (whose, "requests", "a day"))
    if limits.tokens_per_minute is not None:
        wish.add(Window(f"{scope}:tpm", 60, limits.tokens_per_minute, *tokens), (whose, "tokens", "a minute"))
    if limits.concurrency is not None:
        wish.add(Gauge(f"{scope}:running", limits.concurrency), (whose, "requests", "at the same time"))


def _refusal(wish: _Wish, verdict: Verdict, headers: tuple[tuple[str, str], ...]) -> TooMany:
    """The refusal by the claim that takes longest to have room."""
    waits = [(_wait(wish.claims[place], verdict, place), place) for place in verdict.refused]
    seconds, place = max(waits)
    claim, (whose, what, span) = wish.claims[place], wish.words[place]
    limit = f"{whose}'s limit of {claim.limit:,} {what} {span}"
    if isinstance(claim, Gauge):
        return TooMany(
            f"{limit} is in use. Wait for a running request to end, send fewer at once, or ask for a higher limit.",
            code="concurrency_exceeded",
            retry_after=1,
            resets_at=_at(verdict.now + 1),
            headers=headers,
        )
    if math.isinf(seconds):
        return TooMany(
            f"This request needs {claim.cost:,} {what}, more than {_lower(limit)} ever allows. "
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


def _wait(claim: Claim, verdict: Verdict, place: int) -> float:
    if not isinstance(claim, Window):
        return 0.0
    wait = room_after(claim, verdict.readings[place], verdict.now)
    return math.inf if wait is None else wait


def _headers(claims: Sequence[Claim], verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """OpenAI's rate limit headers, each from the window of its sort with the least left."""
    tightest: dict[str, tuple[int, int]] = {}
    for place, claim in enumerate(claims):
        if isinstance(claim, Window):
            sort = _HEADER_NAMES[claim.key.endswith(":tpm")]
            left = max(0, claim.limit - verdict.readings[place].used)
            if sort not in tightest or left < tightest[sort][0]:
                tightest[sort] = (left, place)
    headers = list[tuple[str, str]]()
    for sort, (left, place) in tightest.items():
        claim = claims[place]
        if isinstance(claim, Window):
            reset = empty_after(claim, verdict.readings[place], verdict.now)
            headers += (
                (f"x-ratelimit-limit-{sort}", str(claim.limit)),
                (f"x-ratelimit-remaining-{sort}", str(left)),
                (f"x-ratelimit-reset-{sort}", duration(reset)),
            )
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
