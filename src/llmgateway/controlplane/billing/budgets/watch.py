"""All budgets of an organisation, with what was spent of each in its present period, or in one that has just ended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import Spent
from llmgateway.contract.refusals import KEY, ORGANISATION, PERIODS, PROJECT, left_in, refused_by
from llmgateway.contract.usage import Outcome
from llmgateway.controlplane.plans.service import month_of
from llmgateway.controlplane.usage.service import spent_by_keys
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.budgeted import Budgeted
from llmgateway.db.models.organisations import Organisation, Project
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.tenancy import owned
from llmgateway.kit.money import dollars
from llmgateway.kit.utc import DAY, midnight

PERCENT: Final = (50, 80, 100)
LOOK_BACK: Final = timedelta(hours=2)
"""Budgets of organisations without usage for so long are not looked at."""
_REFUSED: Final = "budget_exceeded"
_NEARLY: Final = 80
"""Percent. A hard budget is hardly ever used to the last nano: from here on it counts as used up once it refused a request."""

_Span = Literal["day", "month", "total"]


@dataclass(frozen=True, slots=True)
class Watched:
    """A budget in one of its periods. Amounts are nano-dollars."""

    subject_id: str
    whose: str
    """The subject as a mail names it: `the key "build"`."""
    hard: bool
    span: _Span
    period: str
    ends: datetime | None
    nanos: int
    used: int
    refused: bool
    """Whether it refused a request lately, in this period and with its present amount, when nearly all of it was used."""

    @property
    def crossed(self) -> list[int]:
        """The marks that were reached, in percent."""
        used = 100 * self.used // self.nanos if self.nanos else 100
        full = self.hard and self.refused and used >= _NEARLY
        return [percent for percent in PERCENT if used >= percent or full]


@dataclass(frozen=True, slots=True)
class _Subject:
    """A key, project or organisation with budgets, and the keys that these limit."""

    id: str
    whose: str
    as_told: str
    """How a refusal names it."""
    row: Budgeted
    keys: Sequence[Spent]


@dataclass(frozen=True, slots=True)
class _Refusal:
    """A message with which requests of a key were refused, and when last."""

    key_id: str
    message: str
    last: datetime


async def budgets_of(tx: AsyncSession, org: Organisation, now: datetime) -> list[Watched]:
    """All budgets in their present periods, and for `LOOK_BACK` after midnight (UTC) also in those that ended then. As `worker`."""
    spent = await spent_by_keys(tx, org.id, month_of(now)[0], now)
    found = await _budgets_at(tx, org, now, spent)
    ended = midnight(now) - timedelta.resolution
    if now - ended < LOOK_BACK:
        since = await spent_by_keys(tx, org.id, month_of(ended)[0], ended)
        before = await _budgets_at(tx, org, ended, _without(since, spent))
        found += [budget for budget in before if budget.ends is not None and budget.ends <= now]
    return found


async def _budgets_at(tx: AsyncSession, org: Organisation, moment: datetime, spent: Sequence[Spent]) -> list[Watched]:
    refused = select(UsageRow.key_id, UsageRow.error_message, func.max(UsageRow.created_at)).where(
        UsageRow.org_id == org.id,
        UsageRow.created_at >= moment - LOOK_BACK,
        UsageRow.created_at <= moment,
        UsageRow.outcome == Outcome.REFUSED,  # not a provider's failure that is called the same
        UsageRow.error_code == _REFUSED,
        UsageRow.status == 402,
    )
    each = refused.group_by(UsageRow.key_id, UsageRow.error_message)
    refusals = [_Refusal(key, message or "", last) for key, message, last in (await tx.execute(each)).all()]
    return [budget for subject in await _subjects(tx, org, spent) for budget in _watched(subject, refusals, moment)]


def _without(since: Sequence[Spent], later: Sequence[Spent]) -> list[Spent]:
    """What was spent since the begin of a day and month, less what was spent in the present ones."""
    after = {(one.key_id, one.project_id): (one.day_nanos, one.month_nanos) for one in later}
    found = list[Spent]()
    for one in since:
        day, month = after.get((one.key_id, one.project_id), (0, 0))
        found.append(replace(one, day_nanos=one.day_nanos - day, month_nanos=one.month_nanos - month))
    return found


async def _subjects(tx: AsyncSession, org: Organisation, spent: Sequence[Spent]) -> list[_Subject]:
    found = [_Subject(org.id, "the organisation", ORGANISATION, org, spent)]
    for project in (await tx.scalars(owned(Project, org.id))).all():
        mine = [one for one in spent if one.project_id == project.id]
        found.append(_Subject(project.id, f'the project "{project.name}"', PROJECT, project, mine))
    for key in (await tx.scalars(owned(ApiKey, org.id).where(ApiKey.revoked_at.is_(None)))).all():
        mine = [one for one in spent if one.key_id == key.id]
        found.append(_Subject(key.id, f'the key "{key.name}"', KEY, key, mine))
    return found


def _watched(subject: _Subject, refusals: Sequence[_Refusal], now: datetime) -> Iterator[Watched]:
    today = midnight(now)
    row, keys = subject.row, subject.keys
    mine = {one.key_id for one in keys}
    told = [one for one in refusals if one.key_id in mine]
    day, month, total = row.daily_budget_nanos, row.monthly_budget_nanos, row.total_budget_nanos
    always = (datetime.min.replace(tzinfo=UTC), None)
    periods: Sequence[tuple[_Span, str, tuple[datetime, datetime | None], int | None, int]] = (
        ("day", f"{now:%Y-%m-%d}", (today, today + DAY), day, sum(one.day_nanos for one in keys)),
        ("month", f"{now:%Y-%m}", month_of(now), month, sum(one.month_nanos for one in keys)),
        ("total", "total", always, total, sum(one.total_nanos for one in keys)),
    )
    for span, period, (begins, ends), nanos, used in periods:
        if nanos is not None:
            words = (subject.as_told, f"${dollars(nanos)}", PERIODS[span])
            by_it = (one for one in told if one.last >= begins and refused_by(one.message, *words))
            yield Watched(
                subject_id=subject.id,
                whose=subject.whose,
                hard=row.hard_budget,
                span=span,
                period=period,
                ends=ends,
                nanos=nanos,
                used=used,
                refused=any(100 * left_in(one.message) <= (100 - _NEARLY) * nanos for one in by_it),
            )
