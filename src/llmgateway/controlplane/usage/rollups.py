"""Sums of usage by hour and day (UTC): what events added is merged into them, and they can be made anew from the events.

An event's transaction notes what it adds in `usage_pending` (the triggers of migration 0011), so nothing is counted twice
or left out, however late it came; whoever reads adds what is pending to what is merged.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import BigInteger, TextClause, bindparam, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.models.usage_rollups import UsageHour, UsagePending
from llmgateway.db.session import Database
from llmgateway.errors import BadRequest
from llmgateway.kit.utc import DAY, midnight

KEPT_MONTHS: Final = 25
"""How long events are kept; their sums stay."""
_AT_ONCE: Final = 5_000
"""Pending changes that are merged in one transaction."""
_FACETS: Final = (
    "org_id", "facets", "test", "project_id", "key_id", "model", "provider", "served_model", "outcome", "cache",
    "tags",
)  # fmt: skip
_SUMS: Final = (
    "requests", "counted", "unpriced", "prompt_tokens", "completion_tokens", "cached_tokens", "cache_write_tokens",
    "reasoning_tokens", "cost_nanos", "charge_nanos", "list_cost_nanos", "saved_nanos", "latency", "first_token",
)  # fmt: skip


def _merge_into(table: str, step: str) -> str:
    """The statement that adds pending changes to a table of sums."""
    facets, sums = ", ".join(_FACETS), ", ".join(_SUMS)
    return f"""
        INSERT INTO {table} AS kept (time, {facets}, {sums})
        SELECT date_trunc('{step}', time, 'UTC') AS begin, {facets}, {", ".join(f"sum({name})" for name in _SUMS)}
        FROM usage_pending WHERE id = ANY(:ids)
        GROUP BY begin, {facets} ORDER BY org_id, begin, facets
        ON CONFLICT (org_id, time, facets) DO UPDATE
            SET {", ".join(f"{name} = kept.{name} + excluded.{name}" for name in _SUMS)}
    """


def _by_ids(statement: str) -> TextClause:
    return text(statement).bindparams(bindparam("ids", type_=ARRAY(BigInteger)))


_MERGES: Final = (
    _by_ids(_merge_into("usage_hours", "hour")),
    _by_ids(_merge_into("usage_days", "day")),
    _by_ids("DELETE FROM usage_pending WHERE id = ANY(:ids)"),
)
_FORGET: Final = tuple(
    text(f"DELETE FROM {table} WHERE org_id = :org AND time >= :since AND time < :until")
    for table in ("usage_hours", "usage_days", "usage_pending")
)
_RECOUNT: Final = text("SELECT recount_usage(:org, :since, :until)")
_PENDING: Final = text("SELECT id FROM usage_pending WHERE org_id = :org AND time >= :since AND time < :until")


async def roll_up_next(database: Database) -> bool:
    """Merge a batch of what is pending, as `worker`; False when there was nothing. Several workers may do it at once."""
    async with database.transaction() as tx:
        await tx.execute(text("LOCK TABLE usage_hours, usage_days IN ROW EXCLUSIVE MODE"))  # not beside a rebuild
        batch = select(UsagePending.id).order_by(UsagePending.id).limit(_AT_ONCE).with_for_update(skip_locked=True)
        ids = (await tx.scalars(batch)).all()
        await _merge(tx, ids)
    return bool(ids)


async def rebuild(database: Database, org_id: str, since: datetime, until: datetime, now: datetime) -> int:
    """Make an organisation's sums of whole UTC days anew from its events, as `admin`; how many days.

    Raises BadRequest for days that are none, or whose events are gone.
    """
    days = _days(since, until, oldest_kept(now))
    for day in days:
        await _rebuild_day(database, org_id, day)
    return len(days)


async def organisations(tx: AsyncSession, name: str | None, since: datetime, until: datetime) -> Sequence[str]:
    """The ids of organisations with events or sums in a time; or of the one that has this id or slug, or had this id.

    Raises BadRequest for one that there never was, and for a time that ends before it begins.
    """
    if since >= until:
        raise BadRequest("`from` must lie before `to`.", param="from")
    if name is not None:
        return [await organisation(tx, name)]
    events = select(UsageRow.org_id).where(UsageRow.created_at >= since, UsageRow.created_at < until)
    sums = select(UsageHour.org_id).where(UsageHour.time >= since, UsageHour.time < until)
    return sorted((await tx.scalars(events.union(sums))).all())


async def organisation(tx: AsyncSession, name: str) -> str:
    """The id of the organisation that has this id or slug, or had this id. Raises BadRequest for one that there never was."""
    known = select(Organisation.id).where(or_(Organisation.id == name, Organisation.slug == name)).limit(1)
    found = await tx.scalar(known) or await tx.scalar(select(UsageHour.org_id).where(UsageHour.org_id == name).limit(1))
    if found is None:
        raise BadRequest(f"There is no organisation {name!r}, and no usage of one.", param="org")
    return found


def oldest_kept(now: datetime) -> datetime:
    """Where the oldest month whose events are kept begins."""
    months = now.year * 12 + now.month - 1 - KEPT_MONTHS
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _days(since: datetime, until: datetime, oldest: datetime) -> Sequence[datetime]:
    if since >= until or any(moment != midnight(moment) for moment in (since, until)):
        raise BadRequest("Sums are made anew for whole days in UTC: from a date up to a later one, which is left out.")
    if since < oldest:
        raise BadRequest(
            f"Events are kept for {KEPT_MONTHS} months; begin at {oldest:%Y-%m-%d} or later. Older sums stay."
        )
    return [since + DAY * number for number in range((until - since) // DAY)]


async def _rebuild_day(database: Database, org_id: str, day: datetime) -> None:
    """What is noted while this runs is not seen by it, and stays pending."""
    values = {"org": org_id, "since": day, "until": day + DAY}
    async with database.transaction() as tx:
        await tx.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        # Before the snapshot is taken: whoever merges now is waited for, whoever comes later waits.
        await tx.execute(text("LOCK TABLE usage_hours, usage_days IN SHARE ROW EXCLUSIVE MODE"))
        for statement in _FORGET:
            await tx.execute(statement, values)
        await tx.execute(_RECOUNT, values)
        await _merge(tx, (await tx.scalars(_PENDING, values)).all())


async def _merge(tx: AsyncSession, ids: Sequence[int]) -> None:
    """All take hours before days, and both in one order, so that nobody waits for somebody who waits."""
    if ids:
        for statement in _MERGES:
            await tx.execute(statement, {"ids": ids})
