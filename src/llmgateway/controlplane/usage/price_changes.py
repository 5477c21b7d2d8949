"""Events that are looked at again for their price: which they are, and how their new figures are stored.

What their sums change by is noted with them, by the triggers of migration 0011.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.usage import TOLD_BY
from llmgateway.contract.usage import LACKING, UsageEvent
from llmgateway.controlplane.usage.service import event_of
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.tenancy import owned
from llmgateway.kit.utc import DAY

AT_ONCE: Final = 2_000
"""Events of a transaction, so that whoever stores true figures for one of them waits a moment and no longer."""
_WRITE: Final = text("SELECT reprice_usage(:org, :since, :until, CAST(:figures AS jsonb))")
_FIGURES: Final = ("id", "created_at", "usage_source", "cost_nanos", "charge_nanos", "list_cost_nanos", "price_version")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events: those from `since` up to `until` that have no price, or lack one for a part."""

    since: datetime
    until: datetime
    org_id: str | None = None
    provider: str | None = None
    model: str | None = None
    """As its provider calls it."""
    priced: bool = False
    """Also those that have a price, unless their provider told it."""


Change = tuple[UsageEvent, UsageEvent]
"""An event as it is, and with other figures."""


@dataclass(frozen=True, slots=True)
class Slice:
    """An organisation's UTC day."""

    org_id: str
    day: datetime
    """Where it begins."""


async def slices(tx: AsyncSession, wanted: Wanted) -> Sequence[Slice]:
    """The slices that hold any wanted event, by organisation and day."""
    day = func.date_trunc("day", UsageRow.created_at, "UTC").label("day")
    query = select(UsageRow.org_id, day).where(*_matching(wanted)).distinct().order_by(UsageRow.org_id, day)
    return [Slice(org_id, begin) for org_id, begin in (await tx.execute(query)).all()]


async def batch(tx: AsyncSession, wanted: Wanted, part: Slice, after: str) -> Sequence[UsageEvent]:
    """The next wanted events of a slice, at most AT_ONCE: those after an id, in the order of their ids."""
    query = owned(UsageRow, part.org_id).where(
        *_matching(wanted),
        UsageRow.created_at >= part.day,
        UsageRow.created_at < part.day + DAY,
        UsageRow.id > after,
    )
    return [event_of(row) for row in (await tx.scalars(query.order_by(UsageRow.id).limit(AT_ONCE))).all()]


async def write(tx: AsyncSession, part: Slice, changes: Sequence[Change]) -> Sequence[Change]:
    """Store new figures of money, as `admin`. Returns the changes that were stored: an event that changed meanwhile stays as it is."""
    figures = [
        {
            **{name: getattr(after, name) for name in _FIGURES},
            "cost_before": before.cost_nanos,
            "charge_before": before.charge_nanos,
        }
        for before, after in changes
    ]
    bounds = {"org": part.org_id, "since": part.day, "until": part.day + DAY}
    written = await tx.scalars(_WRITE, {"figures": msgspec.json.encode(figures).decode(), **bounds})
    ids = set(written.all())
    return [change for change in changes if change[0].id in ids]


def _matching(wanted: Wanted) -> Sequence[ColumnElement[bool]]:
    """What no model read or wrote has no price, and is not unpriced; as the sums count it (migration 0026)."""
    worked = or_(UsageRow.outcome == "finished", UsageRow.prompt_tokens > 0, UsageRow.completion_tokens > 0)
    lacking = UsageRow.price_version.contains(LACKING, autoescape=True)
    unpriced = or_(UsageRow.cost_nanos.is_(None) & worked, lacking)
    priced = UsageRow.price_version.is_not(None) & ~UsageRow.price_version.startswith(TOLD_BY, autoescape=True)
    found = [
        UsageRow.created_at >= wanted.since,
        UsageRow.created_at < wanted.until,
        UsageRow.cache != "hit",
        UsageRow.provider.is_not(None),
        UsageRow.served_model.is_not(None),
        or_(unpriced, priced) if wanted.priced else unpriced,
    ]
    if wanted.org_id is not None:
        found.append(UsageRow.org_id == wanted.org_id)
    if wanted.provider is not None:
        found.append(UsageRow.provider == wanted.provider)
    if wanted.model is not None:
        found.append(UsageRow.served_model == wanted.model)
    return found
