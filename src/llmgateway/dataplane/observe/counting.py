"""Counts what requests did, for Prometheus: a few additions a request, into counters that are found once and kept.

Requests that are over are counted some at a time: a processor that has just done the same does it in half the time.
"""

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from prometheus_client import Counter, Histogram

from llmgateway.catalog.catalog import Catalog
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.dataplane.observe import figures
from llmgateway.kit.metrics import Metrics
from llmgateway.kit.money import NANOS_PER_USD

NOBODY: Final = "none"
"""The provider and model of what nobody served."""
OTHER: Final = "other"
"""Models that the catalogue does not list, and those after the first few hundred."""
MOST_MODELS: Final = 300
"""Different provider and model pairs that get labels of their own in one process."""
_OURS: Final = ("internal_error", "no_target", "store_unavailable", "draining")
_REMEMBERED: Final = 10_000
_TOGETHER: Final = 64
"""The most requests that are over and not counted yet."""


@dataclass(slots=True)
class _Served:
    """The counters of one provider and model, found once."""

    tokens: tuple[Counter, Counter, Counter, Counter, Counter]
    cost: Counter
    unpriced: Counter
    first_token: Histogram
    speed: Histogram


def admissions(metrics: Metrics) -> Callable[[bool], None]:
    """Counts who admitted a request: Redis for all processes, or this one alone while Redis was away."""
    by_redis, by_process = (metrics.counter(figures.ADMISSIONS, who) for who in ("redis", "process"))
    admitted = Tally[bool]()

    def count() -> None:
        by_redis.inc(admitted.pop(True, 0))
        by_process.inc(admitted.pop(False, 0))

    def note(shared: bool) -> None:
        admitted[shared] += 1

    metrics.before_reading(count)
    return note


def losses(metrics: Metrics) -> Callable[[], None]:
    """Counts how often this process found that Redis had lost its counts."""
    return metrics.counter(figures.STORE_LOSSES).inc


def unretried(metrics: Metrics) -> Callable[[], None]:
    """Counts extra attempts that an organisation had no budget for."""
    return metrics.counter(figures.UNRETRIED).inc


class Counting:
    """The metrics of requests, for one process."""

    def __init__(self, metrics: Metrics, catalog: Catalog) -> None:
        self.running = 0
        """Requests whose key is known and whose end has not come."""
        self._sums = defaultdict[Counter, float](float)
        """What is counted at the next catching up: many events of one kind pay for one increment."""
        self._over: list[UsageEvent] = []
        """Not counted yet."""
        self._own_seconds: list[float] = []
        """The same of what `asks` was told."""
        self._metrics = metrics
        self._catalog = catalog
        self._names: dict[tuple[str, str], str] = {}
        self._labelled: set[tuple[str, str]] = set()
        self._requests: dict[tuple[str, str, str, str], Counter] = {}
        self._durations: dict[tuple[str, str, str], Histogram] = {}
        self._served: dict[tuple[str, str], _Served] = {}
        self._attempts: dict[tuple[str, str], Counter] = {}
        self._cache = {result: metrics.counter(figures.CACHE, result) for result in ("hit", "miss", "bypass")}
        self._saved = {by: metrics.counter(figures.SAVED, by) for by in ("cache", "routing")}
        self._rescues = metrics.counter(figures.RESCUES)
        for code in _OURS:
            metrics.counter(figures.REFUSALS, code)  # there at 0, so that the first one is seen as a rise
        self._own_time = metrics.histogram(figures.OWN_TIME)
        metrics.before_reading(self._catch_up)

    def asks(self, own_seconds: float) -> None:
        """The first provider is about to be asked, `own_seconds` after the key was known."""
        self._own_seconds.append(own_seconds)

    def refused(self, code: str) -> None:
        """A request ended before its key was known, or because of what it asked for."""
        self._metrics.counter(figures.REFUSALS, code).inc()

    def ended(self, event: UsageEvent) -> None:
        """A request with a known key is over; it will be counted soon."""
        self._over.append(event)
        if len(self._over) >= _TOGETHER:
            self._catch_up()

    def _catch_up(self) -> None:
        over, self._over = self._over, []
        for event in over:
            self._count(event)
        sums, self._sums = self._sums, defaultdict[Counter, float](float)
        for counter, amount in sums.items():
            counter.inc(amount)
        own, self._own_seconds = self._own_seconds, []
        for seconds in own:
            self._own_time.observe(seconds)

    def _count(self, event: UsageEvent) -> None:
        if event.test:
            self._metrics.counter(figures.TEST_REQUESTS, event.outcome).inc()
            return
        provider, model = self._who(event)
        self._count_end(event, provider, model)
        for attempt in event.attempts:
            self._sums[self._attempt(attempt.provider, attempt.outcome)] += 1
        self._sums[self._cache[event.cache]] += 1
        if event.cache == "hit":
            self._sums[self._saved["cache"]] += (event.list_cost_nanos or 0) / NANOS_PER_USD
            return
        self._duration(provider, model, event.outcome).observe(event.duration_ms / 1000)
        if event.provider is not None:
            self._count_use(event, self._of(provider, model))

    def _count_end(self, event: UsageEvent, provider: str, model: str) -> None:
        key = (event.operation, provider, model, event.outcome)
        counter = self._requests.get(key)
        if counter is None:
            counter = self._requests[key] = self._metrics.counter(figures.REQUESTS, *key)
        self._sums[counter] += 1
        if event.outcome is Outcome.REFUSED:
            self.refused(event.error_code or OTHER)
        elif event.outcome is Outcome.FAILED:
            self._metrics.counter(figures.FAILURES, str(event.status), event.error_code or OTHER).inc()
        elif event.outcome is Outcome.FINISHED and len(event.attempts) > 1:
            self._rescues.inc()

    def _count_use(self, event: UsageEvent, served: _Served) -> None:
        whole = event.prompt_tokens - event.cached_tokens - event.cache_write_tokens
        parts = (
            *(max(0, whole), event.cached_tokens, event.cache_write_tokens),
            *(max(0, event.completion_tokens - event.reasoning_tokens), event.reasoning_tokens),
        )
        for counter, count in zip(served.tokens, parts, strict=True):
            if count:
                self._sums[counter] += count
        if not event.is_priced:
            served.unpriced.inc()
        if event.cost_nanos:
            self._sums[served.cost] += event.cost_nanos / NANOS_PER_USD
            if (event.list_cost_nanos or 0) > event.cost_nanos:
                self._sums[self._saved["routing"]] += ((event.list_cost_nanos or 0) - event.cost_nanos) / NANOS_PER_USD
        if event.first_token_ms is not None:
            served.first_token.observe(event.first_token_ms / 1000)
            writing = event.duration_ms - event.first_token_ms
            if event.outcome is Outcome.FINISHED and writing > 0 and event.completion_tokens > 1:
                served.speed.observe(event.completion_tokens * 1000 / writing)

    def _who(self, event: UsageEvent) -> tuple[str, str]:
        """The labels of provider and model: of those that served, else of those that failed last. Models not in the catalogue are `other`."""
        provider, model = event.provider, event.served_model
        if provider is None or model is None:
            return NOBODY, NOBODY
        known = self._names.get((provider, model))
        if known is None:
            known = self._label(provider, self._catalog.listed_name(provider, model) or OTHER)
            if len(self._names) >= _REMEMBERED:  # callers may make up names; those that matter come again
                self._names.clear()
            self._names[provider, model] = known
        return provider, known

    def _label(self, provider: str, name: str) -> str:
        if (provider, name) not in self._labelled:
            if len(self._labelled) >= MOST_MODELS:
                return OTHER
            self._labelled.add((provider, name))
        return name

    def _of(self, provider: str, model: str) -> _Served:
        found = self._served.get((provider, model))
        if found is None:
            use = self._metrics
            classes = ("input", "cached_input", "cache_write", "output", "reasoning")
            a, b, c, d, e = (use.counter(figures.TOKENS, provider, model, name) for name in classes)
            found = self._served[provider, model] = _Served(
                tokens=(a, b, c, d, e),
                cost=use.counter(figures.COST, provider, model),
                unpriced=use.counter(figures.UNPRICED, provider, model),
                first_token=use.histogram(figures.FIRST_TOKEN, provider, model),
                speed=use.histogram(figures.SPEED, provider, model),
            )
        return found

    def _duration(self, provider: str, model: str, outcome: str) -> Histogram:
        key = (provider, model, outcome)
        found = self._durations.get(key)
        if found is None:
            found = self._durations[key] = self._metrics.histogram(figures.DURATION, *key)
        return found

    def _attempt(self, provider: str, outcome: str) -> Counter:
        key = (provider, outcome)
        found = self._attempts.get(key)
        if found is None:
            found = self._attempts[key] = self._metrics.counter(figures.ATTEMPTS, *key)
        return found
