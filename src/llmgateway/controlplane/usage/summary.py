"""Usage summed up by time and by what it was for: of merged sums, and of pending changes that are not merged into them yet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, Text, cast, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.usage.histograms import percentile
from llmgateway.controlplane.usage.schemas import Summary, SummaryRow, SumsWish
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.models.usage_rollups import UsageDay, UsageHour, UsagePending
from llmgateway.db.tenancy import owned
from llmgateway.errors import BadRequest
from llmgateway.kit.money import usd
from llmgateway.kit.utc import DAY, hour_of, midnight, up_to_hour, up_to_midnight

MOST_ROWS: Final = 5_000
"""Of a period."""
_LONGEST: Final = {"hour": timedelta(days=800), "day": timedelta(days=800)}
"""The longest range by steps that there are many of; by others it goes as far back as anything was used."""
_CENTURY: Final = timedelta(days=36_525)

_ANY_TIME: Final = datetime.fromtimestamp(0, UTC)
"""Stands for all of a range."""
_GROUPS: Final = {
    "org": "org_id",
    "model": "model",
    "provider": "provider",
    "served_model": "served_model",
    "key": "key_id",
    "project": "project_id",
    "outcome": "outcome",
    "cache": "cache",
}
_PLAIN: Final = (
    "requests", "unpriced", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_nanos", "charge_nanos", "list_cost_nanos", "saved_nanos",
)  # fmt: skip
"""Sums that are shown; money is in nanos until then."""
_COUNTED: Final = {
    "errors": ("outcome", "failed"),
    "refused": ("outcome", "refused"),
    "abandoned": ("outcome", "abandoned"),
    "cache_hits": ("cache", "hit"),
}
"""Numbers of requests, and the facet and value that they have in common."""
_HISTOGRAMS: Final = ("latency", "first_token")
_POINTS: Final = {
    "p50_ms": ("latency", 50),
    "p95_ms": ("latency", 95),
    "first_token_p50_ms": ("first_token", 50),
    "first_token_p95_ms": ("first_token", 95),
}
"""What is shown of which histogram: so many percent of its requests took that long at most."""


@dataclass(frozen=True, slots=True)
class HourSpan:
    """From an hour's begin to another's."""

    since: datetime
    until: datetime

    @property
    def before(self) -> "HourSpan":
        """The one as long that ends where this begins."""
        return HourSpan(self.since - (self.until - self.since), self.since)


def span_of(since: datetime, until: datetime, step: str) -> HourSpan:
    """The whole hours around two moments. Raises BadRequest for a range that is upside down or too long."""
    longest = _LONGEST.get(step, _CENTURY)
    if not since < until or until - since > longest:
        raise BadRequest(
            f"`from` must lie before `to`, and with the step `{step}` not more than {longest.days:,} days.",
            param="from",
        )
    return HourSpan(hour_of(since), up_to_hour(until))


async def summary_of(tx: AsyncSession, org_id: str | None, wish: SumsWish, now: datetime) -> Summary:
    """The summary of an organisation, or of all for None. Raises BadRequest for a range that is upside down or too long."""
    until = wish.until or now
    span = span_of(wish.since or until - DAY, until, wish.step)
    rows = await _summed(tx, org_id, wish, span, now)
    previous = await _summed(tx, org_id, wish, span.before, now) if wish.compare else None
    return Summary(
        since=span.since,
        until=span.until,
        figures_until=min(now, span.until),
        truncated=any(len(found) > MOST_ROWS for found in (rows, previous or ())),
        data=rows[:MOST_ROWS],
        previous_since=span.before.since if wish.compare else None,
        previous=None if previous is None else previous[:MOST_ROWS],
    )


async def _summed(
    tx: AsyncSession, org_id: str | None, wish: SumsWish, span: HourSpan, now: datetime
) -> list[SummaryRow]:
    """Rows by time, then by group, the most expensive first; one more than MOST_ROWS. One statement reads all, so no merge is seen half."""
    rows = (await tx.execute(_query(org_id, wish, span, now))).mappings().all()
    names = await _names(tx, org_id, wish, list({row["group"] for row in rows} - {None}))
    return [_shown({**row, "name": names.get(row["group"])}) for row in rows]


async def _names(tx: AsyncSession, org_id: str | None, wish: SumsWish, ids: Sequence[str]) -> Mapping[str, str]:
    """Id -> name of the keys, projects or organisations that are grouped by, as far as they are there."""
    if wish.by == "org":
        query = select(Organisation.id, Organisation.name).where(Organisation.id.in_(ids))
    elif wish.by == "key" and org_id is not None:
        query = owned(ApiKey, org_id).with_only_columns(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(ids))
    elif wish.by == "project" and org_id is not None:
        query = owned(Project, org_id).with_only_columns(Project.id, Project.name).where(Project.id.in_(ids))
    else:
        return {}
    return dict((await tx.execute(query)).all())


def _query(org_id: str | None, wish: SumsWish, span: HourSpan, now: datetime) -> Select[*tuple[Any, ...]]:
    picked = union_all(*_parts(org_id, wish, span, now)).subquery()
    requests = func.sum(picked.c.requests)
    cost = func.sum(picked.c.cost_nanos)
    saved_by_cache = func.sum(picked.c.saved_nanos).filter(picked.c.cache == "hit")
    query = select(
        (literal(None) if wish.step == "all" else picked.c.time).label("time"),
        (literal(None) if wish.by is None else func.nullif(picked.c.group, "")).label("group"),
        *(func.sum(picked.c[name]).label(name) for name in _PLAIN),
        *(
            func.coalesce(requests.filter(picked.c[column] == value), 0).label(name)
            for name, (column, value) in _COUNTED.items()
        ),
        func.coalesce(saved_by_cache, 0).label("saved_by_cache_nanos"),
        *(cast(func.sum(picked.c[name]), Text).label(name) for name in _HISTOGRAMS),
    ).group_by(picked.c.time, picked.c.group)
    return query.having(requests > 0).order_by(picked.c.time, cost.desc(), picked.c.group).limit(MOST_ROWS + 1)


def _parts(org_id: str | None, wish: SumsWish, span: HourSpan, now: datetime) -> Iterator[Select[*tuple[Any, ...]]]:
    """What adds up to the span: pending changes, whole days as far as days are enough, and the hours around them."""
    yield _part(UsagePending, org_id, wish, span)
    first, last = up_to_midnight(span.since), midnight(span.until) if span.until <= now else up_to_midnight(span.until)
    if wish.step == "hour" or last <= first:
        yield _part(UsageHour, org_id, wish, span)
        return
    yield _part(UsageDay, org_id, wish, HourSpan(first, last))
    for rest in (HourSpan(span.since, first), HourSpan(last, span.until)):
        if rest.since < rest.until:
            yield _part(UsageHour, org_id, wish, rest)


_Table = type[UsagePending] | type[UsageHour] | type[UsageDay]


def _part(table: _Table, org_id: str | None, wish: SumsWish, span: HourSpan) -> Select[*tuple[Any, ...]]:
    time: ColumnElement[Any] = (
        literal(_ANY_TIME) if wish.step == "all" else func.date_trunc(literal(wish.step), table.time, literal("UTC"))
    )
    tags = func.jsonb_array_elements_text(table.tags).table_valued("value").render_derived(name="tags")
    tag = select(tags.c.value).distinct().lateral("tag")  # one that is there twice counts once
    group: Any = literal("")
    if wish.by is not None:
        group = func.coalesce(tag.c.value, "") if wish.by == "tag" else getattr(table, _GROUPS[wish.by])
    columns = ("outcome", "cache", *_PLAIN, *_HISTOGRAMS)
    query = select(time.label("time"), group.label("group"), *(getattr(table, name) for name in columns))
    query = query.select_from(table)
    if wish.by == "tag":
        query = query.outerjoin(tag, literal(value=True))
    return query.where(*_filters(table, org_id, wish, span))


def _filters(table: _Table, org_id: str | None, wish: SumsWish, span: HourSpan) -> Sequence[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = [
        *([table.org_id == org_id] if org_id is not None else []),
        table.time >= span.since,
        table.time < span.until,
        table.test.is_(wish.test),
    ]
    for column, value in (
        (table.model, wish.model),
        (table.key_id, wish.key_id),
        (table.project_id, wish.project_id),
        (table.provider, wish.provider),
        (table.outcome, wish.outcome),
    ):
        if value is not None:
            filters.append(column == value)
    if wish.tag is not None:
        filters.append(table.tags.contains([wish.tag]))
    return filters


def _shown(row: dict[str, Any]) -> SummaryRow:
    histograms = {name: row.pop(name) for name in _HISTOGRAMS}
    for point, (name, share) in _POINTS.items():
        row[point] = percentile(histograms[name], share)
    whole = {name: int(row.pop(name)) for name in (*_PLAIN, *_COUNTED, "saved_by_cache_nanos")}
    whole["saved_by_routing_nanos"] = whole["saved_nanos"] - whole["saved_by_cache_nanos"]
    money = {f"{name.removesuffix('_nanos')}_usd": usd(n) for name, n in whole.items() if name.endswith("_nanos")}
    rate = round(whole["errors"] / whole["requests"], 6)
    return SummaryRow.model_validate({**row, **whole, **money, "error_rate": rate})
