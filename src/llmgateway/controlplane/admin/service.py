"""What operators see of all organisations and change in them. As `admin`; every act is in the organisation's audit trail."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, Subquery, and_, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.controlplane.admin.assigning import check_assignable, subscription_of
from llmgateway.controlplane.admin.schemas import (
    AdminChange,
    AdminOrg,
    AdminOrgDetail,
    AdminOrgUsage,
    BusinessFigures,
    PlanFigures,
)
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.billing.accounts import INVOICED
from llmgateway.controlplane.billing.books.ledger import Account, balances
from llmgateway.controlplane.billing.charges import overage
from llmgateway.controlplane.plans.service import all_plans, month_of, plan_named
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.controlplane.usage.exact_sums import exact_sums
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.audit_events import AuditRow
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member, User
from llmgateway.errors import NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import usd


def organisations(words: str | None, plan: str | None) -> Select[*tuple[Any, ...]]:
    """Organisations with the numbers of their members and live keys."""
    members = select(func.count()).where(Member.org_id == Organisation.id).scalar_subquery()
    keys = select(func.count()).where(ApiKey.org_id == Organisation.id, ApiKey.revoked_at.is_(None)).scalar_subquery()
    query = select(Organisation, members.label("members"), keys.label("keys"))
    if words:
        query = query.where(
            or_(
                Organisation.id == words,
                Organisation.slug.startswith(words, autoescape=True),
                Organisation.name.icontains(words, autoescape=True),
            )
        )
    return query if plan is None else query.where(Organisation.plan == plan)


def shown(row: Any) -> AdminOrg:
    """An organisation as operators see it."""
    org, members, keys = row
    columns = ("id", "slug", "name", "plan", "created_at", "suspended_at", "deletes_at")
    return AdminOrg(**{name: getattr(org, name) for name in columns}, members=members, keys=keys)


async def find(tx: AsyncSession, org_id: str) -> AdminOrg:
    """An organisation by id or slug. Raises NotFound."""
    query = organisations(None, None).where(or_(Organisation.id == org_id, Organisation.slug == org_id)).limit(1)
    row = (await tx.execute(query)).first()
    if row is None:
        raise NotFound("There is no such organisation.")
    return shown(row)


async def detail(tx: AsyncSession, clock: Clock, org_id: str) -> AdminOrgDetail:
    """An organisation with this month's usage, its subscription and credit. Raises NotFound."""
    org = await find(tx, org_id)
    books = await balances(tx, org.id)
    month = await month_usage(tx, clock, org.id)
    return AdminOrgDetail(
        **org.model_dump(),
        month=month,
        subscription=await subscription_of(tx, org.id),
        credit_usd=usd(-books[Account.CREDIT]),
    )


async def change(tx: AsyncSession, clock: Clock, actor: Actor, org_id: str, body: AdminChange) -> None:
    """Assign a plan, suspend, or let go on. Raises NotFound, BadRequest and Conflict."""
    query = select(Organisation).where(or_(Organisation.id == org_id, Organisation.slug == org_id))
    org = await tx.scalar(query.limit(1).with_for_update())
    if org is None:
        raise NotFound("There is no such organisation.")
    if body.plan is not None and body.plan != org.plan:
        if not body.despite_subscription:
            await check_assignable(tx, clock, org.id, plan_named(body.plan))
        act = Act(
            action="org.plan",
            org_id=org.id,
            target=org.id,
            before={"plan": org.plan},
            after={"plan": plan_named(body.plan).id},
        )
        async with overage.other_terms(tx, org, clock.now()):
            org.quota_epoch += plan_named(body.plan).counts_more_than(all_plans().get(org.plan))
            org.plan = body.plan
        await record(tx, clock, actor, act)
    if body.suspended is not None and body.suspended != (org.suspended_at is not None):
        org.suspended_at = clock.now() if body.suspended else None
        action = "org.suspend" if body.suspended else "org.resume"
        await record(tx, clock, actor, Act(action=action, org_id=org.id, target=org.id))
    await tx.flush()
    await announce(tx, KeyChanged(None, org.id))


async def month_usage(tx: AsyncSession, clock: Clock, org_id: str | None) -> AdminOrgUsage:
    """The usage of one organisation, or of all, in the present UTC month."""
    found = await exact_sums(tx, org_id, *month_of(clock.now()))
    return AdminOrgUsage(
        requests=found.requests, tokens=found.tokens, cost_usd=usd(found.cost), charge_usd=usd(found.charge)
    )


async def figures(tx: AsyncSession, clock: Clock, *, takes_payments: bool) -> BusinessFigures:
    """Counts of organisations and people, recurring revenue in USD a month, churn of 30 days, and this month's usage."""
    counted = await _plans(tx, takes_payments=takes_payments)
    plans = [
        PlanFigures(plan=plan, organisations=count, paying=paid, monthly_usd=f"{_price(plan) * paid:.2f}")
        for plan, count, paid in counted
    ]
    paying = sum(paid for plan, _, paid in counted if _price(plan) > 0)
    churned = len(await _churned(tx, clock))
    had = paying + churned
    return BusinessFigures(
        organisations=sum(count for _, count, _ in counted),
        users=await tx.scalar(select(func.count()).select_from(User)) or 0,
        active_keys=await tx.scalar(select(func.count()).where(ApiKey.revoked_at.is_(None))) or 0,
        monthly_recurring_usd=f"{sum((_price(plan) * paid for plan, _, paid in counted), Decimal(0)):.2f}",
        churned_30_days=churned,
        churn_rate=f"{Decimal(churned) / had:.4f}" if had else "0.0000",
        plans=plans,
        month=await month_usage(tx, clock, None),
    )


async def _plans(tx: AsyncSession, *, takes_payments: bool) -> Sequence[tuple[str, int, int]]:
    """Every plan with how many organisations have it, and how many of them pay for it."""
    subscribed = and_(BillingAccount.plan == Organisation.plan, BillingAccount.status.in_(INVOICED))
    paid = and_(Organisation.suspended_at.is_(None), subscribed if takes_payments else true())
    query = (
        select(Organisation.plan, func.count(), func.count().filter(paid))
        .outerjoin(BillingAccount, BillingAccount.org_id == Organisation.id)
        .where(Organisation.deletes_at.is_(None))
        .group_by(Organisation.plan)
        .order_by(Organisation.plan)
    )
    return [(plan, count, paying) for plan, count, paying in (await tx.execute(query)).all()]


async def _churned(tx: AsyncSession, clock: Clock) -> Sequence[str]:
    """Organisations that left a paid plan in the last 30 days, for a free one or for good, and are not back."""
    paid = [plan for plan in all_plans() if _price(plan) > 0]
    left: Subquery = (
        select(AuditRow.org_id)
        .where(AuditRow.created_at >= clock.now() - timedelta(days=30))
        .where(
            or_(
                AuditRow.before["plan"].astext.in_(paid),
                AuditRow.action.in_(("org.delete", "org.end")),
            )
        )
        .distinct()
        .subquery()
    )
    back = select(Organisation.id).where(Organisation.plan.in_(paid), Organisation.deletes_at.is_(None))
    had_paid = or_(
        left.c.org_id.in_(select(AuditRow.org_id).where(AuditRow.before["plan"].astext.in_(paid))),
        left.c.org_id.in_(select(Organisation.id).where(Organisation.plan.in_(paid))),
    )
    query = select(left.c.org_id).where(had_paid, left.c.org_id.not_in(back))
    return [str(org_id) for org_id in (await tx.scalars(query)).all()]


def _price(plan: str) -> Decimal:
    known = all_plans().get(plan)
    return Decimal(known.price_usd) if known is not None else Decimal(0)
