"""Whose limits a request is held to, and what it would take of each."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Final, Literal, cast

import msgspec

from llmgateway.contract.refusals import KEY, ORGANISATION, PERIODS, PROJECT
from llmgateway.contract.snapshot import Budget, KeySnapshot, Limits
from llmgateway.contract.usage import UsageEvent
from llmgateway.kit.money import dollars
from llmgateway.kit.store import CEILING, Claim, Counter, Gauge, Window

Sort = Literal["requests", "tokens", "running", "quota_requests", "quota_tokens", "money", "charge"]
_SPANS: Final = (("rpm", "a minute", 60), ("rph", "an hour", 3_600), ("rpd", "a day", 86_400))


class Need(msgspec.Struct, frozen=True):
    """What a request may take."""

    prompt_tokens: int
    output_tokens: int
    prompt_nanos: int = 0
    output_nanos: int = 0
    prompt_charge: int = 0
    output_charge: int = 0


class Held(msgspec.Struct, frozen=True):
    """One claim, and how a refusal speaks of it."""

    claim: Claim
    sort: Sort
    whose: str
    span: str
    resets_at: datetime | None = None
    """When a counter begins anew; None for windows, which say so themselves, and for what never does."""

    @property
    def limit(self) -> str:
        """`$1.50` or `1,000 requests`."""
        if self.sort in {"money", "charge"}:
            return f"${dollars(self.claim.limit)}"
        return f"{self.claim.limit:,} {'requests' if 'request' in self.sort or self.sort == 'running' else 'tokens'}"


class Standing:
    """All that a key is held to, in all scopes, worked out once for its snapshot: most of it is the same for each request.

    Test traffic counts in rates alone.
    """

    def __init__(self, key: KeySnapshot) -> None:
        org = f"{{{key.org.id}}}"  # all keys of an organisation share the braces, so that a cluster keeps them on one node
        scopes = [(f"{org}:{key.id}", KEY, key.limits, key.budgets)]
        if key.project_id is not None:
            scopes.append((f"{org}:{key.project_id}", PROJECT, key.project_limits, key.project_budgets))
        scopes.append((org, ORGANISATION, key.org.limits, key.org.budgets))
        self._claims: list[Held | _Claiming] = [
            one for scope, whose, limits, _ in scopes for one in _rates(scope, whose, limits)
        ]
        if not key.test:
            self._claims += _quota(org, key)
            for scope, whose, _, budgets in scopes:
                self._claims += [partial(_budget, scope, whose, budget) for budget in budgets if budget.hard]
            if key.org.charged:
                # Counted also where it is paid afterwards: plans change, and the sum must be known then.
                self._claims.append(partial(_charge, org, key.org.charge_limit))
        limited = any(one != _NONE for one in (key.limits, key.project_limits, key.org.limits))
        self.free = not limited and (
            key.test or not (key.org.charged or key.org.quota is not None or counts_money(key))
        )
        """Nothing at all is limited."""

    def claims(self, need: Need, now: datetime) -> tuple[Held, ...]:
        """What a request would take of each."""
        return tuple([one if isinstance(one, Held) else one(need, now) for one in self._claims])


def sort_of(name: str) -> Sort | None:
    """What a claim counts that is corrected at the end, by its name."""
    found = {
        ":tpm": "tokens",
        ":quota:requests:": "quota_requests",
        ":quota:tokens:": "quota_tokens",
        ":usd:": "money",
        _CHARGED: "charge",
    }
    return next((cast("Sort", sort) for part, sort in found.items() if part in name), None)


def money_of(event: UsageEvent) -> tuple[str, ...]:
    """The counters of money that a request may have been held to, by its record alone."""
    org = f"{{{event.org_id}}}"
    scopes = (org, f"{org}:{event.key_id}", *((f"{org}:{event.project_id}",) if event.project_id else ()))
    periods = (f"{event.created_at:%Y-%m-%d}", f"{event.created_at:%Y-%m}", "total")
    budgets = (f"{scope}:usd:{period}" for scope in scopes for period in periods)
    return () if event.test else (*budgets, f"{org}{_CHARGED}")


def beginnings(event: UsageEvent) -> Mapping[str, Sort]:
    """What the names of all counters begin with that may count a request, whatever they are since when."""
    org = f"{{{event.org_id}}}"
    found: dict[str, Sort] = {name: "charge" if name.endswith(_CHARGED) else "money" for name in money_of(event)}
    return (
        found
        if event.test
        else {**found, f"{org}:quota:requests": "quota_requests", f"{org}:quota:tokens": "quota_tokens"}
    )


def has_begun(name: str, event: UsageEvent) -> bool:
    """Whether a counter's period had begun when the request did. Those of money are found by their period."""
    return ":quota:" not in name or name.rpartition(":")[2].partition("#")[0] <= f"{event.created_at:%Y-%m-%d}"


def counts_money(key: KeySnapshot) -> bool:
    """Whether a hard budget is over this key."""
    return not key.test and any(b.hard for b in (*key.budgets, *key.project_budgets, *key.org.budgets))


_NONE: Final = Limits()
_Claiming = Callable[[Need, datetime], Held]
"""Makes a claim that depends on the request."""
_CHARGED: Final = ":charged"


def period_of(budget: Budget, now: datetime) -> tuple[str, datetime | None]:
    """The name of the UTC period that runs, and when it ends."""
    return _period(budget.period, now.date())


@lru_cache(8)
def _period(period: str, day: date) -> tuple[str, datetime | None]:
    """Of a day; all requests of today ask for the same few."""
    if period == "day":
        return day.isoformat(), datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    if period == "month":
        return day.isoformat()[:7], datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return "total", None


def _rates(scope: str, whose: str, limits: Limits) -> Iterator[Held | _Claiming]:
    rates = (limits.requests_per_minute, limits.requests_per_hour, limits.requests_per_day)
    for (name, span, seconds), limit in zip(_SPANS, rates, strict=True):
        if limit is not None:
            yield Held(Window(f"{scope}:{name}", seconds, limit), "requests", whose, span)
    if limits.tokens_per_minute is not None:
        yield partial(_tokens, f"{scope}:tpm", limits.tokens_per_minute, whose)
    if limits.concurrency is not None:
        yield Held(Gauge(f"{scope}:running", limits.concurrency), "running", whose, "at the same time")


def _tokens(name: str, limit: int, whose: str, need: Need, _: datetime) -> Held:
    return Held(Window(name, 60, limit, need.prompt_tokens, need.output_tokens), "tokens", whose, "a minute")


def _quota(scope: str, key: KeySnapshot) -> Iterator[Held | _Claiming]:
    quota = key.org.quota
    if quota is None:
        return
    name = f"{quota.period_start:%Y-%m-%d}{_since(quota.epoch)}"
    whose, span = f"The plan {key.org.plan}", "a month"
    if quota.requests is not None:
        counter = Counter(f"{scope}:quota:requests:{name}", quota.requests, 1)
        yield Held(counter, "quota_requests", whose, span, quota.period_end)
    if quota.tokens is not None:
        yield partial(_quota_tokens, f"{scope}:quota:tokens:{name}", quota.tokens, (whose, span), quota.period_end)


def _quota_tokens(
    name: str, limit: int, words: tuple[str, str], ends: datetime, need: Need, _: datetime
) -> Held:  # fmt: skip
    return Held(Counter(name, limit, need.prompt_tokens, need.output_tokens), "quota_tokens", *words, ends)


def _budget(scope: str, whose: str, budget: Budget, need: Need, now: datetime) -> Held:
    name, ends = period_of(budget, now)
    # Nothing left is nothing left, also for what costs nothing yet to ask.
    counter = Counter(
        f"{scope}:usd:{name}{_since(budget.epoch)}", budget.nanos, max(1, need.prompt_nanos), need.output_nanos
    )
    return Held(counter, "money", whose, PERIODS[budget.period], ends)


def _since(epoch: int) -> str:
    """Part of a counter's name: what was not counted for a while is another counter, which begins with what was spent."""
    return f"#{epoch}" if epoch else ""


def _charge(scope: str, limit: int | None, need: Need, _: datetime) -> Held:
    """What is charged in all."""
    cost = need.prompt_charge
    if limit is None or not cost + need.output_charge:
        counter = Counter(f"{scope}{_CHARGED}", CEILING, 0)
    else:
        counter = Counter(f"{scope}{_CHARGED}", limit, max(1, cost), need.output_charge)
    return Held(counter, "charge", ORGANISATION, "in all")
