"""Writes the audit trail, and reads it."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.audit.schemas import AuditWish
from llmgateway.controlplane.reception.listing import check_range
from llmgateway.controlplane.reception.visits import Actor, Visit
from llmgateway.db.models.audit_events import AuditRow
from llmgateway.db.tenancy import owned
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id

OPERATOR: Final = "operator"
"""The `actor_kind` of operators."""
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """An entry of the audit trail: what was done. `before` and `after` hold what changed, never a secret."""

    action: str
    org_id: str | None = None
    target: str | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


async def record(tx: AsyncSession, clock: Clock, actor: Actor, act: Act) -> None:
    """Add an act to the trail, in the transaction that does it."""
    now = clock.now()
    tx.add(
        AuditRow(
            id=new_id("audit", now),
            org_id=act.org_id,
            actor_id=actor.id,
            actor_kind=actor.kind,
            action=act.action,
            target=act.target,
            before=None if act.before is None else _plain(act.before),
            after=None if act.after is None else _plain(act.after),
            address=actor.address,
            created_at=now,
        )
    )
    await tx.flush()


async def note(visit: Visit, action: str, target: str | None = None, **change: Mapping[str, Any] | None) -> None:
    """Add an act of a member in their organisation; `before` and `after` as in Act."""
    act = Act(action=action, org_id=visit.org.id, target=target, **change)
    await record(visit.tx, visit.deps.clock, visit.actor, act)


def of_org(org_id: str) -> Select[AuditRow]:
    """The entries of an organisation."""
    return owned(AuditRow, org_id)


def of_operators() -> Select[AuditRow]:
    """What operators did and looked at, as `admin`."""
    return select(AuditRow).where(AuditRow.actor_kind == OPERATOR)


def matching(query: Select[AuditRow], wish: AuditWish) -> Select[AuditRow]:
    """The entries that match a filter; `action` may end in `.*`. Raises BadRequest for a range that ends before it begins."""
    check_range(wish.since, wish.until)
    if wish.actor is not None:
        query = query.where(AuditRow.actor_id == wish.actor)
    if wish.action is not None and wish.action.endswith(".*"):
        query = query.where(AuditRow.action.startswith(wish.action[:-1], autoescape=True))
    elif wish.action is not None:
        query = query.where(AuditRow.action == wish.action)
    if wish.target is not None:
        query = query.where(AuditRow.target == wish.target)
    if wish.since is not None:
        query = query.where(AuditRow.created_at >= wish.since)
    if wish.until is not None:
        query = query.where(AuditRow.created_at < wish.until)
    return query


async def all_of(tx: AsyncSession, query: Select[AuditRow]) -> AsyncIterator[AuditRow]:
    """Every entry, newest first, read in batches."""
    last: str | None = None
    while True:
        batch = query if last is None else query.where(AuditRow.id < last)
        rows = (await tx.scalars(batch.order_by(AuditRow.id.desc()).limit(_BATCH))).all()
        for row in rows:
            yield row
        if len(rows) < _BATCH:
            return
        last = rows[-1].id


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
