"""The limits of a key, its project and its organisation, as claims that one store call checks and reserves.

The names of counters are made here, and read here again when a request of a dead process is settled by its record alone.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache, partial
from typing import Final, Literal

import msgspec

from llmgateway.contract.refusals import KEY, ORGANISATION, PERIODS, PROJECT
from llmgateway.contract.snapshot import Budget, KeySnapshot, Limits
from llmgateway.contract.usage import UsageEvent
from llmgateway.kit.money import dollars
from llmgateway.kit.store import CEILING, Claim, Counter, Gauge, Window

LimitKind = Literal["requests", "tokens", "running", "quota_requests", "quota_tokens", "money", "charge"]
_SPANS: Final = (("rpm", "a minute", 60), ("rph", "an hour", 3_600), ("rpd", "a day", 86_400))


class Need(msgspec.Struct, frozen=True):
    """The most that a request may take. Cost is what the provider bills, charge what the organisation pays for it; both in nanos."""

    prompt_tokens: int
    output_tokens: int
    prompt_nanos: int = 0
    output_nanos: int = 0
    prompt_charge: int = 0
    output_charge: int = 0


class ScopedClaim(msgspec.Struct, frozen=True):
    """One claim on a limit, and the words in which a refusal speaks of it."""

    claim: Claim
    kind: LimitKind
    whose: str
    span: str
    resets_at: datetime | None = None
    """When a counter begins anew; None for windows, whose readings tell it, and for counters that never do."""

    @property
    def limit(self) -> str:
        """The limit in words: `$1.50` or `1,000 requests`."""
        if self.kind in {"money", "charge"}:
            return f"${dollars(self.claim.limit)}"
        return self.counted(self.claim.limit)

    def counted(self, number: int) -> str:
        """`1 request` or `1,000 tokens`: so many of what it counts."""
        what = "request" if "request" in self.kind or self.kind == "running" else "token"
        return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


class PreparedLimits:
    """Every limit of a key, its project and its organisation, prepared once per snapshot.

    Most claims are the same for every request and are made here; the others are made for each request. Test keys are held to
    rate limits alone.
    """

    def __init__(self, key: KeySnapshot) -> None:
        org = f"{{{key.org.id}}}"  # all keys of an organisation share the braces, so that a cluster keeps them on one node
        scopes = [(f"{org}:{key.id}", KEY, key.limits, key.budgets)]
        if key.project_id is not None:
            scopes.append((f"{org}:{key.project_id}", PROJECT, key.project_limits, key.project_budgets))
        scopes.append((org, ORGANISATION, key.org.limits, key.org.budgets))
        self._claims: list[ScopedClaim | _Claiming] = [
            one for scope, whose, limits, _ in scopes for one in _rates(scope, whose, limits)
        ]
        if not key.test:
            self._claims += _quota(org, key)
            for scope, whose, _, budgets in scopes:
                self._claims += [partial(_budget, scope, whose, budget) for budget in budgets if budget.hard]
            if key.org.charged:
                # Counted also for organisations that pay afterwards: after a change of plan the sum must be known.
                self._claims.append(partial(_charge, org, key.org.charge_limit))
        limited = any(one != _NONE for one in (key.limits, key.project_limits, key.org.limits))
        self.free = not limited and (
            key.test or not (key.org.charged or key.org.quota is not None or counts_money(key))
        )
        """Whether nothing at all is limited."""

    def claims(self, need: Need, now: datetime) -> tuple[ScopedClaim, ...]:
        """What a request that needs so much claims of every limit."""
        return tuple([one if isinstance(one, ScopedClaim) else one(need, now) for one in self._claims])


def kind_of(name: str) -> LimitKind | None:
    """What a counter counts, read from its name; None for one that is not corrected when the request ends."""
    found: dict[str, LimitKind] = {
        ":tpm": "tokens",
        ":quota:requests:": "quota_requests",
        ":quota:tokens:": "quota_tokens",
        ":usd:": "money",
        _CHARGED: "charge",
    }
    return next((kind for part, kind in found.items() if part in name), None)


def money_counters(event: UsageEvent) -> tuple[str, ...]:
    """Names of every counter of money that may have counted a request, worked out from its event alone."""
    org = f"{{{event.org_id}}}"
    scopes = (org, f"{org}:{event.key_id}", *((f"{org}:{event.project_id}",) if event.project_id else ()))
    periods = (f"{event.created_at:%Y-%m-%d}", f"{event.created_at:%Y-%m}", "total")
    budgets = (f"{scope}:usd:{period}" for scope in scopes for period in periods)
    return () if event.test else (*budgets, f"{org}{_CHARGED}")


def counter_prefixes(event: UsageEvent) -> Mapping[str, LimitKind]:
    """How the names of all counters begin that may count a request, whichever period or epoch follows -> what they count."""
    if event.test:
        return {}
    org = f"{{{event.org_id}}}"
    money: dict[str, LimitKind] = {
        name: "charge" if name.endswith(_CHARGED) else "money" for name in money_counters(event)
    }
    return {**money, f"{org}:quota:requests": "quota_requests", f"{org}:quota:tokens": "quota_tokens"}


def period_had_begun(name: str, event: UsageEvent) -> bool:
    """Whether a quota's period had begun when the request did. Counters of money are always found by the right period."""
    return ":quota:" not in name or name.rpartition(":")[2].partition("#")[0] <= f"{event.created_at:%Y-%m-%d}"


def counts_money(key: KeySnapshot) -> bool:
    """Whether a hard budget limits this key: its own, its project's or its organisation's."""
    return not key.test and any(b.hard for b in (*key.budgets, *key.project_budgets, *key.org.budgets))


_NONE: Final = Limits()
_Claiming = Callable[[Need, datetime], ScopedClaim]
"""Makes the claim of one request."""
_CHARGED: Final = ":charged"


def period_of(budget: Budget, now: datetime) -> tuple[str, datetime | None]:
    """The name of a budget's present UTC period, and when it ends; a total never does."""
    return _period(budget.period, now.date())


@lru_cache(8)
def _period(period: str, day: date) -> tuple[str, datetime | None]:
    """The period around a day; cached, since all requests of a day ask for the same few."""
    if period == "day":
        return day.isoformat(), datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    if period == "month":
        return day.isoformat()[:7], datetime(day.year + day.month // 12, day.month % 12 + 1, 1, tzinfo=UTC)
    return "total", None


def _rates(scope: str, whose: str, limits: Limits) -> Iterator[ScopedClaim | _Claiming]:
    rates = (limits.requests_per_minute, limits.requests_per_hour, limits.requests_per_day)
    for (name, span, seconds), limit in zip(_SPANS, rates, strict=True):
        if limit is not None:
            yield ScopedClaim(Window(f"{scope}:{name}", seconds, limit), "requests", whose, span)
    if limits.tokens_per_minute is not None:
        yield partial(_tokens, f"{scope}:tpm", limits.tokens_per_minute, whose)
    if limits.concurrency is not None:
        yield ScopedClaim(Gauge(f"{scope}:running", limits.concurrency), "running", whose, "at the same time")


def _tokens(name: str, limit: int, whose: str, need: Need, _: datetime) -> ScopedClaim:
    return ScopedClaim(Window(name, 60, limit, need.prompt_tokens, need.output_tokens), "tokens", whose, "a minute")


def _quota(scope: str, key: KeySnapshot) -> Iterator[ScopedClaim | _Claiming]:
    quota = key.org.quota
    if quota is None:
        return
    name = f"{quota.period_start:%Y-%m-%d}{_since(quota.epoch)}"
    whose, span = f"{ORGANISATION}'s plan {key.org.plan}", "a month"
    if quota.requests is not None:
        counter = Counter(f"{scope}:quota:requests:{name}", quota.requests, 1)
        yield ScopedClaim(counter, "quota_requests", whose, span, quota.period_end)
    if quota.tokens is not None:
        yield partial(_quota_tokens, f"{scope}:quota:tokens:{name}", quota.tokens, (whose, span), quota.period_end)


def _quota_tokens(
    name: str, limit: int, words: tuple[str, str], ends: datetime, need: Need, _: datetime
) -> ScopedClaim:  # fmt: skip
    return ScopedClaim(Counter(name, limit, need.prompt_tokens, need.output_tokens), "quota_tokens", *words, ends)


def _budget(scope: str, whose: str, budget: Budget, need: Need, now: datetime) -> ScopedClaim:
    name, ends = period_of(budget, now)
    # At least one nano, so that a budget that is used up also refuses requests whose prompt costs nothing.
    counter = Counter(
        f"{scope}:usd:{name}{_since(budget.epoch)}", budget.nanos, max(1, need.prompt_nanos), need.output_nanos
    )
    return ScopedClaim(counter, "money", whose, PERIODS[budget.period], ends)


def _since(epoch: int) -> str:
    """The end of a counter's name. After a break in counting another counter is used, and begins with what was spent by then."""
    return f"#{epoch}" if epoch else ""


def _charge(scope: str, limit: int | None, need: Need, _: datetime) -> ScopedClaim:
    """The claim on all that the organisation may be charged; with no limit, and no charge in sight, it is counted and not limited."""
    cost = need.prompt_charge
    if limit is None or not cost + need.output_charge:
        counter = Counter(f"{scope}{_CHARGED}", CEILING, 0)
    else:
        counter = Counter(f"{scope}{_CHARGED}", limit, max(1, cost), need.output_charge)
    return ScopedClaim(counter, "charge", ORGANISATION, "in all")
