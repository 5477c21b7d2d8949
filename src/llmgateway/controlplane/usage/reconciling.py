"""Compares a provider's statement with our usage events: both figures by UTC day and model, and the drift between them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.controlplane.usage.provider_usage import ProviderUsage
from llmgateway.kit.money import nanos
from llmgateway.providers.bills.bill import BillLine, ExportKind, Measure
from llmgateway.providers.bills.statement import Statement

_PERCENT: Final = 100
_HUNDREDTH: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A figure as the provider bills it and as the gateway counted it: tokens, requests or nano-dollars."""

    billed: int
    counted: int

    @property
    def drift(self) -> Decimal:
        """Counted less billed, in percent of billed, with two decimals; 100 where the bill has nothing."""
        if self.billed == 0:
            return Decimal(0 if self.counted == 0 else _PERCENT).quantize(_HUNDREDTH)
        return (Decimal(self.counted - self.billed) * _PERCENT / abs(self.billed)).quantize(_HUNDREDTH)

    def beyond(self, tolerance: Decimal) -> bool:
        """Whether the drift is more than so many percent, either way."""
        return abs(self.counted - self.billed) * _PERCENT > tolerance * (abs(self.billed) or abs(self.counted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What could explain a drift, as numbers of requests."""

    unpriced: int = 0
    estimated: int = 0
    reckoned: int = 0
    broken: int = 0
    """Failed attempts that the provider may have billed."""
    batched: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconciledEntry:
    """A model on a day, or the whole day."""

    day: date
    model: str | None
    """As both sides are known by; None is the whole day."""
    billed_as: Sequence[str]
    """The provider's names of it; empty where the bill has none of it."""
    counted_as: Sequence[str]
    """The names by which it was asked for; empty where nobody asked."""
    figures: Mapping[Measure, Comparison]
    """Without what the provider does not tell."""
    judged: frozenset[Measure]
    """What must agree here: a day's figure as a whole where a line of it names no model, else each model's."""
    facts: Facts = Facts()

    def beyond(self, tolerance: Decimal) -> bool:
        """Whether a figure that must agree here is more than so many percent apart."""
        return any(self.figures[measure].beyond(tolerance) for measure in self.judged)

    @property
    def worst(self) -> Decimal:
        """The largest drift, without its sign."""
        return max((abs(figure.drift) for figure in self.figures.values()), default=Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """The outcome: models with the largest drift first, days in their order, and lines that name no model."""

    models: Sequence[ReconciledEntry]
    days: Sequence[ReconciledEntry]
    unnamed: Sequence[BillLine]

    def within(self, tolerance: Decimal) -> bool:
        """Whether everything agrees, up to so many percent."""
        return not any(entry.beyond(tolerance) for entry in (*self.models, *self.days))


FailedAttempts = Mapping[tuple[date, str], int]
"""Failed attempts that the provider may have billed, by UTC day and model."""
Told = Mapping[Measure, frozenset[Operation]]
"""What the provider tells of a day, and of which requests."""


def reconcile(
    statement: Statement,
    counted: Sequence[ProviderUsage],
    failed: FailedAttempts,
    days: Collection[date],
    key: Callable[[str], str],
) -> Reconciled:
    """Compare the days; `key` gives two names of one model the same text."""
    told = {day: _told(statement, day) for day in days}
    lines = [(kind, line) for kind, line in statement.lines if line.day in told]
    sums = _Sums(told, key)
    for kind, line in lines:
        sums.bill(kind, line)
    for row in counted:
        sums.count(row)
    for (day, model), attempts in failed.items():
        sums.fail(day, model, attempts)
    unnamed = _measured((kind, line) for kind, line in lines if line.model is None)
    only_unnamed = unnamed - _measured((kind, line) for kind, line in lines if line.model is not None)
    models = [
        _entry(
            (day, model),
            total,
            {measure: asked for measure, asked in told[day].items() if (day, measure) not in only_unnamed},
            judged={measure for measure in Measure if (day, measure) not in unnamed},
        )
        for (day, model), total in sums.by_model.items()
    ]
    whole_days = [
        _entry((day, None), total, told[day], judged={measure for measure in Measure if (day, measure) in unnamed})
        for day, total in sums.by_day.items()
    ]
    return Reconciled(
        models=sorted(models, key=_by_drift),
        days=whole_days,
        unnamed=[line for _, line in lines if line.model is None],
    )


def _measured(lines: Iterable[tuple[ExportKind, BillLine]]) -> set[tuple[date, Measure]]:
    """What the lines tell of which day."""
    return {(line.day, measure) for kind, line in lines for measure in kind.measures}


def _told(statement: Statement, day: date) -> Told:
    told = dict[Measure, frozenset[Operation]]()
    for kind, days in statement.whole.items():
        for measure in kind.measures if day in days else ():
            told[measure] = told.get(measure, frozenset()) | kind.operations
    return told


@dataclass(slots=True)
class _Sum:
    """What is added up for an entry."""

    billed: Counter[Measure] = field(default_factory=Counter[Measure])
    """But the cost."""
    usd: Decimal | None = None
    counted: Counter[Measure] = field(default_factory=Counter[Measure])
    billed_as: set[str] = field(default_factory=set[str])
    counted_as: set[str] = field(default_factory=set[str])
    facts: Counter[str] = field(default_factory=Counter[str])

    def bill(self, kind: ExportKind, line: BillLine) -> None:
        self.billed.update(line.counts)
        if Measure.COST in kind.measures:
            self.usd = (self.usd or Decimal(0)) + line.usd
        self.billed_as |= {line.model} if line.model is not None else set[str]()
        self.facts["batched"] += line.counts.get(Measure.REQUESTS, 0) if line.batched else 0

    def count(self, row: ProviderUsage, told: Told) -> None:
        figures = {
            Measure.REQUESTS: row.requests,
            Measure.PROMPT: row.prompt_tokens,
            Measure.CACHED: row.cached_tokens,
            Measure.COMPLETION: row.completion_tokens,
            Measure.COST: row.cost,
        }
        for measure, figure in figures.items():
            if row.operation in told.get(measure, ()):
                self.counted[measure] += figure
        self.counted_as.add(row.model)
        self.facts.update(unpriced=row.unpriced, estimated=row.estimated, reckoned=row.reckoned)

    def figures(self, told: Told) -> Mapping[Measure, Comparison]:
        """Those that either side has."""
        billed = {**self.billed, **({} if self.usd is None else {Measure.COST: nanos(self.usd)})}
        return {
            measure: Comparison(billed.get(measure, 0), self.counted[measure])
            for measure in Measure
            if measure in told and (measure in billed or measure in self.counted)
        }


class _Sums:
    """Everything that is added up: for each day, and for each model on a day. Of other days nothing is."""

    def __init__(self, told: Mapping[date, Told], key: Callable[[str], str]) -> None:
        self._told = told
        self._key = key
        self.by_day = {day: _Sum() for day in sorted(told)}
        self.by_model = defaultdict[tuple[date, str], _Sum](_Sum)

    def bill(self, kind: ExportKind, line: BillLine) -> None:
        self.by_day[line.day].bill(kind, line)
        if line.model is not None:
            self.by_model[line.day, self._key(line.model)].bill(kind, line)

    def count(self, row: ProviderUsage) -> None:
        told = self._told.get(row.day)
        if told is not None:
            self.by_day[row.day].count(row, told)
            self.by_model[row.day, self._key(row.model)].count(row, told)

    def fail(self, day: date, model: str, attempts: int) -> None:
        """Attempts of a model that has nothing else are those of the day alone."""
        if day in self.by_day:
            self.by_day[day].facts["broken"] += attempts
            if (day, self._key(model)) in self.by_model:
                self.by_model[day, self._key(model)].facts["broken"] += attempts


def _entry(place: tuple[date, str | None], total: _Sum, told: Told, judged: Collection[Measure]) -> ReconciledEntry:
    figures = total.figures(told)
    return ReconciledEntry(
        day=place[0],
        model=place[1],
        billed_as=sorted(total.billed_as),
        counted_as=sorted(total.counted_as),
        figures=figures,
        judged=frozenset(judged) & figures.keys(),
        facts=Facts(**total.facts),
    )


def _by_drift(entry: ReconciledEntry) -> tuple[Decimal, int, date, str]:
    """The largest first; of equal ones that of most money."""
    cost = entry.figures.get(Measure.COST, Comparison(0, 0))
    return -entry.worst, -abs(cost.counted - cost.billed), entry.day, entry.model or ""
