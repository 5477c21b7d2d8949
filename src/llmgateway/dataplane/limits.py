"""admit: requests, tokens and concurrency of a key and its organisation, reserved in one atomic store call."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from llmgateway.contract.snapshot import KeySnapshot, Limits
from llmgateway.errors import TooMany
from llmgateway.kit.clock import Clock
from llmgateway.kit.store import Claim, Gauge, Standing, Store, Verdict, Window

_EXPECTED_OUTPUT = 4096
"""Tokens reserved for an answer whose caller names no maximum."""
_SPANS = ((60, "minute"), (3600, "hour"), (86400, "day"))


@dataclass(frozen=True, slots=True)
class _Limit:
    """A claim with the words for its refusal."""

    claim: Claim
    whose: str
    what: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """Leave to go on, and what is held for it."""

    id: str
    headers: tuple[tuple[str, str], ...] = ()
    """OpenAI's x-ratelimit-* headers; empty where nothing limits."""
    token_keys: tuple[str, ...] = ()
    """Windows whose token cost is corrected at the end."""
    held: bool = False
    """The store knows it."""


class Limiter:
    """Turns snapshots into claims, and verdicts into tickets or refusals."""

    def __init__(self, store: Store, clock: Clock, lease: str) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease

    async def admit(self, key: KeySnapshot, ticket_id: str, prompt_tokens: int, max_output: int | None) -> Ticket:
        """Reserve everything or nothing. Raises TooMany, which says which limit, whose, and until when."""
        limits = [*_limits(key.limits, f"key:{key.id}", "key", key.org.id, prompt_tokens, max_output)]
        limits += _limits(key.org.limits, f"org:{key.org.id}", "organisation", key.org.id, prompt_tokens, max_output)
        if not limits:
            return Ticket(ticket_id)
        claims = [limit.claim for limit in limits]
        verdict = await self._store.admit(ticket_id, self._lease, claims)
        headers = _headers(claims, verdict.standings)
        if verdict.refused is not None:
            raise self._refusal(limits[verdict.refused], verdict, headers)
        tokens = tuple(claim.key for claim in claims if isinstance(claim, Window) and claim.stretch)
        return Ticket(ticket_id, headers, tokens, held=True)

    async def settle(self, ticket: Ticket, tokens: int | None) -> None:
        """Put the true token count in place of the reserved one; None gives all of it back. Requests stay counted."""
        if ticket.held:
            await self._store.settle(ticket.id, dict.fromkeys(ticket.token_keys, tokens or 0))

    def _refusal(self, limit: _Limit, verdict: Verdict, headers: Sequence[tuple[str, str]]) -> TooMany:
        if isinstance(limit.claim, Gauge):
            return TooMany(
                f"This {limit.whose} already has {limit.claim.limit} requests running at once, which is its limit. "
                "Wait for one to end, then try again.",
                code="concurrency_exceeded",
                retry_after=1,
                headers=headers,
            )
        seconds = max(1, math.ceil(verdict.wait))
        hopeless = isinstance(limit.claim, Window) and limit.claim.cost > limit.claim.limit
        advice = "Send a shorter prompt." if hopeless else f"Try again in {seconds} s."
        return TooMany(
            f"This {limit.whose} has reached its limit of {limit.claim.limit} {limit.what}. {advice}",
            retry_after=seconds,
            resets_at=self._clock.now() + timedelta(seconds=seconds),
            headers=headers,
        )


def _limits(
    limits: Limits, scope: str, whose: str, org: str, prompt_tokens: int, max_output: int | None
) -> Iterator[_Limit]:
    # An organisation's keys share a hash tag, so that one script can reach them all in a Redis cluster.
    prefix = f"{{{org}}}:{scope}"
    requests = (limits.requests_per_minute, limits.requests_per_hour, limits.requests_per_day)
    for limit, (seconds, span) in zip(requests, _SPANS, strict=True):
        if limit is not None:
            yield _Limit(Window(f"{prefix}:requests:{seconds}", limit, seconds), whose, f"requests a {span}")
    if limits.tokens_per_minute is not None:
        stretch = max(1, _EXPECTED_OUTPUT if max_output is None else max_output)
        window = Window(f"{prefix}:tokens:60", limits.tokens_per_minute, 60, prompt_tokens, stretch)
        yield _Limit(window, whose, "tokens a minute")
    if limits.concurrency is not None:
        yield _Limit(Gauge(f"{prefix}:concurrency", limits.concurrency), whose, "requests at once")


def _headers(claims: Sequence[Claim], standings: Sequence[Standing]) -> tuple[tuple[str, str], ...]:
    """OpenAI's headers, each from the window with the least left."""
    tightest: Mapping[str, tuple[Window, Standing]] = {}
    for claim, standing in zip(claims, standings, strict=False):
        if isinstance(claim, Window):
            kind = "tokens" if claim.stretch else "requests"
            known = tightest.get(kind)
            if known is None or standing.remaining < known[1].remaining:
                tightest = {**tightest, kind: (claim, standing)}
    return tuple(
        line
        for kind, (claim, standing) in tightest.items()
        for line in (
            (f"x-ratelimit-limit-{kind}", str(claim.limit)),
            (f"x-ratelimit-remaining-{kind}", str(standing.remaining)),
            (f"x-ratelimit-reset-{kind}", _duration(standing.resets_in)),
        )
    )


def _duration(seconds: float) -> str:
    """As OpenAI writes it: `120ms`, `1.2s`, `6m0s`, `1h0m0s`."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    if seconds < 60:
        return f"{math.ceil(seconds * 10) / 10:g}s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"
