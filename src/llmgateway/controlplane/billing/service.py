"""What the billing page shows, and what a change of plan means."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.contract.snapshot import Quota
from llmgateway.controlplane.billing import accounts
from llmgateway.controlplane.billing.books.ledger import Account, balances
from llmgateway.controlplane.billing.charges import hourly, overage
from llmgateway.controlplane.billing.charges.overage_terms import terms_of
from llmgateway.controlplane.billing.notices import exhausted, notice
from llmgateway.controlplane.billing.schemas import BillingShown, PeriodShown, UsageShown
from llmgateway.controlplane.billing.standing import Standing
from llmgateway.controlplane.billing.stripe.access import NOT_SET_UP
from llmgateway.controlplane.plans.service import Plan, RateLimits, all_plans, period_of, plan_named
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.visits import Visit, check_open
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Member
from llmgateway.errors import BadRequest, Conflict
from llmgateway.kit.money import usd, usd_or_none


async def shown(visit: Visit, *, stripe: bool) -> BillingShown:
    """How the organisation stands."""
    tx, org, now = visit.tx, visit.org, visit.deps.clock.now()
    account, books = await accounts.account_of(tx, org.id), await balances(tx, org.id)
    standing = Standing(status="none") if account is None else accounts.standing_in(account)
    period = period_of(org.period_start, org.period_end, now)
    requests, tokens = await overage.used(tx, org.id, period)
    beyond, _ = await overage.charged(tx, terms_of(org, now))
    plan = all_plans().get(org.plan)
    fresh, invoiced = await hourly.not_posted(tx, org.id, now), await accounts.is_invoiced(tx, org.id)
    credit, unbilled = _once_posted(books, fresh, invoiced=invoiced)
    refused = exhausted(_quota(org, plan, now), requests, tokens)
    owing = notice(standing, plan, credit=credit, due=books[Account.RECEIVABLE], now=now)
    return BillingShown(
        plan=org.plan,
        status=standing.status,
        period=PeriodShown(start=period[0], end=period[1]),
        usage=UsageShown(
            requests=requests,
            requests_included=plan.requests_per_month if plan else None,
            tokens=tokens,
            tokens_included=plan.tokens_per_month if plan else None,
        ),
        credit_usd=usd(credit),
        unbilled_usd=usd(unbilled),
        due_usd=usd(books[Account.RECEIVABLE]),
        overage_usd=usd(beyond),
        overage_limit_usd=usd_or_none(org.overage_limit_nanos) if _goes_beyond(plan) else None,
        grace_until=standing.grace_until,
        ends_at=standing.ends_at,
        next_plan=standing.next_plan,
        stripe=stripe,
        message=" ".join(filter(None, (refused, owing if stripe else NOT_SET_UP))) or None,
    )


def _once_posted(books: Mapping[Account, int], fresh: int, *, invoiced: bool) -> tuple[int, int]:
    """The credit that is left, and what waits for an invoice, in nanos: as if the `fresh` charges were posted already."""
    credit = -books[Account.CREDIT]
    by_credit = min(fresh, max(0, credit)) if invoiced else fresh
    waiting = books[Account.USAGE] + books[Account.METERED] + books[Account.ROUNDING]
    return credit - by_credit, waiting + fresh - by_credit


def _quota(org: Organisation, plan: Plan | None, now: datetime) -> Quota | None:
    if plan is None:
        return None
    terms = terms_of(org, now)
    return plan.quota(terms.period, terms.limit_nanos, waived_nanos=terms.waived_nanos)


async def limit_overage(visit: Visit, limit_nanos: int | None) -> None:
    """Another limit, for what is used from now on. Raises Conflict for one on a plan that nothing goes beyond."""
    check_open(visit.org)
    tx, org, now = visit.tx, visit.org, visit.deps.clock.now()
    plan = all_plans().get(org.plan)
    if limit_nanos is not None and not _goes_beyond(plan):
        raise Conflict(
            f"The plan {org.plan} ends where what it includes ends: nothing goes beyond it, so a limit would mean nothing. "
            "Choose a larger plan first.",
            param="overage_limit_usd",
        )
    async with overage.other_terms(tx, org, now):
        org.overage_limit_nanos = limit_nanos
    await announce(tx, KeyChanged(None, org.id))


def _goes_beyond(plan: Plan | None) -> bool:
    return plan is not None and plan.overage is not None


def plan_to_buy(org: Organisation, name: str, *, subscribed: bool) -> Plan:
    """Raises BadRequest for a plan that is not sold, and Conflict where there is nothing to change.

    Who is `subscribed` and has a plan that costs nothing, for want of payment or from the operator, can still end the subscription.
    """
    plan, current = all_plans().get(name), plan_named(org.plan)
    if plan is None or not plan.sold:
        sold = ", ".join(one.id for one in all_plans().values() if one.sold)
        raise BadRequest(f"The plan {name!r} is not sold. Use one of {sold}.", param="plan")
    if not current.sold and not (subscribed and plan.price == 0):
        raise Conflict(f"The plan {org.plan!r} pays nothing, and is changed by the operator alone.")
    if plan.price == 0 and current.price == 0 and not subscribed:
        raise Conflict(f"You have the plan {org.plan!r}, which costs nothing already.")
    return plan


async def plan_wanted(tx: AsyncSession, org: Organisation, name: str) -> Plan:
    """As plan_to_buy."""
    return plan_to_buy(org, name, subscribed=await accounts.is_subscribed(tx, org.id))


async def losses(tx: AsyncSession, visit: Visit, plan: Plan) -> list[str]:
    """What a change to a smaller plan would break or take away, in sentences."""
    org, now = visit.org, visit.deps.clock.now()
    members = await tx.scalar(select(func.count()).where(Member.org_id == org.id)) or 0
    requests, tokens = await overage.used(tx, org.id, period_of(org.period_start, org.period_end, now))
    current = plan_named(org.plan)
    if not current.sold:
        return []  # it stays: only the subscription beside it ends
    found = losses_of(current, plan, members, (requests, tokens))
    if visit.deps.tariff.in_advance and plan.in_advance and not current.in_advance:
        found.append(
            "Requests on the gateway's own provider keys are paid in advance then: without credit they are refused."
        )
    return found


def losses_of(current: Plan, plan: Plan, members: int, used: tuple[int, int]) -> list[str]:
    """Pure: see losses."""
    found = list[str]()
    if plan.members is not None and members > plan.members:
        found.append(f"{plan.name} has room for {plan.members} members; you are {members}. Nobody can be invited then.")
    for what, count, included in (
        ("requests", used[0], plan.requests_per_month),
        ("tokens", used[1], plan.tokens_per_month),
    ):
        if included is not None and count > included:
            found.append(f"{plan.name} includes {included:,} {what} a month; this period used {count:,} already.")
    if _goes_beyond(current) and not _goes_beyond(plan):
        found.append(f"Nothing goes beyond what {plan.name} includes: where that ends, requests are refused.")
    found += _slower(current.rates, plan.rates)
    kept, keeps = current.retention_days, plan.retention_days
    if keeps is not None and (kept is None or keeps < kept):
        found.append(f"Requests are shown for {keeps} days only.")
    gone = [one for one in current.features if one not in plan.features and one != "overage"]
    return found + _gone(gone)


def _slower(current: RateLimits, then: RateLimits) -> list[str]:
    spans = (
        ("a minute", current.requests_per_minute, then.requests_per_minute),
        ("an hour", current.requests_per_hour, then.requests_per_hour),
        ("a day", current.requests_per_day, then.requests_per_day),
    )
    fewer = [f"{most:,} {span}" for span, now, most in spans if most is not None and (now is None or most < now)]
    return [f"All keys together may make fewer requests: {', '.join(fewer)}."] if fewer else []


def _gone(features: Sequence[str]) -> list[str]:
    return [f"These end: {', '.join(feature.replace('_', ' ') for feature in features)}."] if features else []
