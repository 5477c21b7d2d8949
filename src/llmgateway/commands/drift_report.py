"""How `llmgateway usage reconcile` shows what it found: as a table, as CSV, as JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from llmgateway.controlplane.usage.drift_reasons import reasons
from llmgateway.controlplane.usage.reconciling import Comparison, Reconciled, ReconciledEntry
from llmgateway.kit.csv_text import csv_text
from llmgateway.kit.money import nanos, usd
from llmgateway.providers.bills.bill import BillLine, Measure

_SIDES: Final = ("billed", "counted")
_WIDTH: Final = 20
_NOTHING: Final = Comparison(0, 0)
_ORDER: Final = (Measure.COST, *(measure for measure in Measure if measure is not Measure.COST))
_UNITS: Final = {Measure.COST: "USD"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftReport:
    """What was compared, and what came of it."""

    provider: str
    credential: str | None
    days: Sequence[date]
    left_out: Sequence[tuple[date, str]]
    """Of days that are told only in part, or are not over yet: which kind of export."""
    tolerance: Decimal
    """Percent."""
    found: Reconciled

    @property
    def within(self) -> bool:
        return self.found.within(self.tolerance)


def as_json(report: DriftReport) -> str:
    """One object; money as decimal strings of dollars, drift as decimal strings of percent."""
    found = report.found
    shown = {
        "provider": report.provider,
        "credential": report.credential,
        "tolerance_percent": str(report.tolerance),
        "within": report.within,
        "compared": [day.isoformat() for day in report.days],
        "left_out": [{"day": day.isoformat(), "what": what} for day, what in report.left_out],
        "models": [_entry(report, entry) for entry in found.models],
        "days": [_entry(report, entry) for entry in found.days],
        "without_a_model": [{"day": line.day.isoformat(), "item": line.item, **_line(line)} for line in found.unnamed],
    }
    return json.dumps(shown)


def as_csv(report: DriftReport) -> str:
    """A line a model and day, the largest drift first; then the days, whose `model` is empty."""
    columns = ["day", "model", "billed_as", "counted_as"]
    for measure in Measure:
        columns += [f"{side}_{_name(measure)}" for side in _SIDES] + [f"{measure}_drift_percent"]
    return csv_text([*columns, "beyond", "reasons"], [_cells(report, entry) for entry in _all(report.found)])


def as_text(report: DriftReport) -> str:
    """For people: what differs with all its figures, what agrees on one line."""
    shown = [*report.found.models, *(entry for entry in report.found.days if entry.judged)]
    differing = [entry for entry in shown if any(pair.billed != pair.counted for pair in entry.figures.values())]
    lines = [_head(report)]
    if differing:
        lines += ["", f"{'':<{_WIDTH}} {'billed':>20} {'counted':>20} {'drift, %':>12}"]
        lines += [line for entry in differing for line in _block(report, entry)]
    if agreeing := [entry for entry in shown if entry.figures and entry not in differing]:
        lines += ["", "The same to the last digit:", *map(_agreeing, agreeing)]
    if report.found.unnamed:
        lines += ["", "Billed without a model:"]
        lines += [f"  {line.day}  {line.item}  {_said(line)}" for line in report.found.unnamed]
    if report.left_out:
        left_out = ", ".join(f"{what} of {day}" for day, what in report.left_out)
        lines += ["", f"Left out, because it is told only in part, or the day is not over: {left_out}."]
    return "\n".join([*lines, "", _verdict(report)])


def _head(report: DriftReport) -> str:
    costs = [entry.figures[Measure.COST] for entry in report.found.days if Measure.COST in entry.figures]
    total = Comparison(sum(pair.billed for pair in costs), sum(pair.counted for pair in costs))
    first, last = report.days[0], report.days[-1]
    days = f"{first} (UTC)" if first == last else f"{len(report.days)} days from {first} to {last} (UTC)"
    whose = "" if report.credential is None else f" on {report.credential}"
    money = f": billed {usd(total.billed)}, counted {usd(total.counted)} USD, {total.drift} %" if costs else ""
    return f"{report.provider}{whose}, {days}{money}"


def _block(report: DriftReport, entry: ReconciledEntry) -> Iterator[str]:
    yield _title(entry)
    for measure in _ORDER:
        pair = entry.figures.get(measure, _NOTHING)
        if pair != _NOTHING:
            mark = "  !" if measure in entry.judged and pair.beyond(report.tolerance) else ""
            sides = " ".join(f"{_figure(measure, side):>20}" for side in (pair.billed, pair.counted))
            yield f"  {measure.replace('_', ' '):<{_WIDTH - 2}} {sides} {pair.drift:>12}{mark}"
    yield from (f"    {reason}" for reason in reasons(entry))


def _agreeing(entry: ReconciledEntry) -> str:
    figures = [(measure, entry.figures[measure].billed) for measure in _ORDER if measure in entry.figures]
    told = [f"{_UNITS.get(measure, measure)} {_figure(measure, figure)}" for measure, figure in figures if figure]
    return f"{_title(entry)}  {', '.join(told).replace('_', ' ')}"


def _title(entry: ReconciledEntry) -> str:
    if entry.model is None:
        return f"{entry.day}  all models"
    names = {*entry.billed_as, *entry.counted_as}
    billed, counted = (", ".join(each) or "nothing" for each in (entry.billed_as, entry.counted_as))
    as_what = "" if names == {entry.model} else f"  (billed as {billed}, asked for as {counted})"
    return f"{entry.day}  {entry.model}{as_what}"


def _verdict(report: DriftReport) -> str:
    entries = [entry for entry in _all(report.found) if entry.judged]
    if not entries:
        return "Nothing was billed, and nothing was counted."
    beyond = sum(entry.beyond(report.tolerance) for entry in entries)
    if not beyond:
        return f"Everything agrees within {report.tolerance} %."
    return f"{beyond} of {len(entries)} differ by more than {report.tolerance} %, where a ! stands."


def _all(found: Reconciled) -> Sequence[ReconciledEntry]:
    return (*found.models, *found.days)


def _figure(measure: Measure, figure: int) -> str:
    return usd(figure) if measure is Measure.COST else f"{figure:,}"


def _name(measure: Measure) -> str:
    return "cost_usd" if measure is Measure.COST else measure


def _plain(measure: Measure, figure: int) -> str | int:
    return usd(figure) if measure is Measure.COST else figure


def _entry(report: DriftReport, entry: ReconciledEntry) -> dict[str, Any]:
    return {
        "day": entry.day.isoformat(),
        **({} if entry.model is None else {"model": entry.model}),
        "billed_as": list(entry.billed_as),
        "counted_as": list(entry.counted_as),
        "figures": {
            _name(measure): {
                "billed": _plain(measure, pair.billed),
                "counted": _plain(measure, pair.counted),
                "drift_percent": str(pair.drift),
                "must_agree": measure in entry.judged,
            }
            for measure, pair in entry.figures.items()
        },
        "beyond": entry.beyond(report.tolerance),
        "reasons": list(reasons(entry)),
    }


def _cells(report: DriftReport, entry: ReconciledEntry) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "day": entry.day.isoformat(),
        "model": entry.model,
        "billed_as": ", ".join(entry.billed_as),
        "counted_as": ", ".join(entry.counted_as),
        "beyond": entry.beyond(report.tolerance),
        "reasons": "; ".join(reasons(entry)),
    }
    for measure, pair in entry.figures.items():
        cells |= {f"{side}_{_name(measure)}": _plain(measure, getattr(pair, side)) for side in _SIDES}
        cells[f"{measure}_drift_percent"] = str(pair.drift)
    return cells


def _line(line: BillLine) -> dict[str, Any]:
    return {**line.counts, **({} if line.counts else {"cost_usd": usd(nanos(line.usd))})}


def _said(line: BillLine) -> str:
    return ", ".join(f"{value:,} {name}" for name, value in line.counts.items()) or f"{usd(nanos(line.usd))} USD"
