"""A statement: all pages that belong together, checked to tell of each moment once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

from llmgateway.kit.utc import DAY, midnight
from llmgateway.providers.bills.bill import Bill, BillLine, ExportKind, Unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a provider says, of whichever days."""

    provider: str
    whole: Mapping[ExportKind, frozenset[date]]
    """The days (UTC) that it tells everything of."""
    partly: Mapping[ExportKind, frozenset[date]]
    """Days of which it tells only a part: no figure of them means anything."""
    lines: Sequence[tuple[ExportKind, BillLine]]
    """Those of whole days."""


def joined(bills: Sequence[Bill], until: datetime | None) -> Statement:
    """The pages as one; what comes after `until` may be missing. Raises Unreadable."""
    _check_provider(bills)
    kinds = defaultdict[ExportKind, list[Bill]](list)
    for bill in _with_kinds(bills):
        if bill.kind is not None:
            kinds[bill.kind].append(bill)
    for pages in kinds.values():
        _check_overlaps(pages)
        _check_last(pages, until)
    told = {kind: _told(pages) for kind, pages in kinds.items()}
    whole = {kind: frozenset(day for day, length in days.items() if length == DAY) for kind, days in told.items()}
    return Statement(
        provider=bills[0].provider,
        whole=whole,
        partly={kind: frozenset(days) - whole[kind] for kind, days in told.items()},
        lines=[
            (kind, line)
            for kind, pages in kinds.items()
            for page in pages
            for line in page.lines
            if line.day in whole[kind]
        ],
    )


def _check_provider(bills: Sequence[Bill]) -> None:
    for bill in bills:
        if bill.provider != bills[0].provider:
            raise Unreadable(
                f"{bills[0].name} is of {bills[0].provider}, {bill.name} of {bill.provider}. Compare one provider at a time."
            )
        if not bill.spans:
            raise Unreadable(f"{bill.name} tells of no day. Fetch it for the days that shall be compared.")


def _with_kinds(bills: Sequence[Bill]) -> Sequence[Bill]:
    """Pages without a line are of the kind whose pages they go on with, else of the only one that has room for them."""
    known = {bill.kind for bill in bills if bill.kind is not None}
    if not known:
        raise Unreadable(
            "No file has a line: nothing was used in these days, or the export is of another organisation or project."
        )
    found = [bill for bill in bills if bill.kind is not None]
    for bill in sorted((bill for bill in bills if bill.kind is None), key=lambda one: one.spans[0].since):
        before = {one.kind for one in found if one.next_page is not None and one.spans[-1].until == bill.spans[0].since}
        fitting = before or {kind for kind in known if not any(_meet(bill, one) for one in found if one.kind == kind)}
        if len(fitting) != 1:
            names = " or ".join(sorted(kind.name for kind in known))
            raise Unreadable(f"{bill.name} has no line that tells whether it is of {names}. Leave it out.")
        found.append(replace(bill, kind=fitting.pop()))
    return found


def _meet(one: Bill, other: Bill) -> bool:
    return any(a.since < b.until and b.since < a.until for a in one.spans for b in other.spans)


def _check_overlaps(pages: Sequence[Bill]) -> None:
    spans = sorted(((span, page.name) for page in pages for span in page.spans), key=lambda one: one[0].since)
    for (first, name), (second, other) in pairwise(spans):
        if second.since < first.until:
            files = " and ".join(dict.fromkeys((name, other)))
            raise Unreadable(
                f"{second.since:%Y-%m-%d} is told twice, in {files}. Give each page once, and several projects in one export."
            )


def _check_last(pages: Sequence[Bill], until: datetime | None) -> None:
    begins = {span.since for page in pages for span in page.spans}
    for page in pages:
        end = max(span.until for span in page.spans)
        if page.next_page is not None and end not in begins and (until is None or end < until):
            raise Unreadable(
                f"{page.name} is not the last page. Fetch the next one with page={page.next_page}, and give it too."
            )


def _told(pages: Sequence[Bill]) -> Mapping[date, timedelta]:
    """How much of each day; spans do not overlap."""
    told = defaultdict[date, timedelta](timedelta)
    for page in pages:
        for span in page.spans:
            begin = span.since
            while begin < span.until:
                end = min(midnight(begin) + DAY, span.until)
                told[midnight(begin).date()] += end - begin
                begin = end
    return told
