"""Checks the books: the trial balance, the closing lines, and charges against the usage events they are for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.books.closing import wrong_closings
from llmgateway.db.models.ledger import LedgerEntry

_UNEQUAL = text("""
    WITH used AS (
        SELECT org_id, date_trunc('hour', created_at, 'UTC') AS hour, sum(charge_nanos) AS nanos FROM usage_events
        WHERE charge_nanos IS NOT NULL AND created_at < :until AND created_at >= :since GROUP BY 1, 2
    ), charged AS (
        SELECT p.org_id, p.hour, -sum(e.nanos) AS nanos FROM ledger_postings p JOIN ledger_entries e ON e.posting_id = p.id
        WHERE p.kind = 'usage' AND e.account = 'revenue' AND p.hour < :until AND p.hour >= :since GROUP BY 1, 2
    )
    SELECT coalesce(used.org_id, charged.org_id) AS org_id, coalesce(used.hour, charged.hour) AS hour,
        coalesce(used.nanos, 0) AS events, coalesce(charged.nanos, 0) AS ledger
    FROM used FULL JOIN charged ON used.org_id = charged.org_id AND used.hour = charged.hour
    WHERE coalesce(used.nanos, 0) <> coalesce(charged.nanos, 0) ORDER BY 2, 1 LIMIT 100
""")


@dataclass(frozen=True, slots=True)
class Difference:
    """An hour whose charges in the ledger differ from the sum of its events; both in nanos."""

    org_id: str
    hour: datetime
    events: int
    ledger: int


@dataclass(frozen=True, slots=True)
class BooksReport:
    """What a check found; amounts are nanos."""

    accounts: dict[str, int]
    """The trial balance."""
    unbalanced: tuple[str, ...]
    """Organisations whose entries do not sum to 0."""
    closings: tuple[str, ...]
    """Closing lines that are not the sum of what they close."""
    differences: tuple[Difference, ...]
    """The first hundred differences."""

    @property
    def right(self) -> bool:
        return sum(self.accounts.values()) == 0 and not (self.unbalanced or self.closings or self.differences)


async def check(tx: AsyncSession, since: datetime, until: datetime) -> BooksReport:
    """Check the books of all organisations; charges against events only for the hours between two moments."""
    by_account = select(LedgerEntry.account, func.sum(LedgerEntry.nanos)).group_by(LedgerEntry.account)
    accounts = {account: int(nanos) for account, nanos in (await tx.execute(by_account)).all()}
    by_org = select(LedgerEntry.org_id).group_by(LedgerEntry.org_id).having(func.sum(LedgerEntry.nanos) != 0)
    unequal = (await tx.execute(_UNEQUAL, {"since": since, "until": until})).all()
    return BooksReport(
        accounts=accounts,
        unbalanced=tuple((await tx.scalars(by_org)).all()),
        closings=tuple(await wrong_closings(tx)),
        differences=tuple(Difference(row.org_id, row.hour, int(row.events), int(row.ledger)) for row in unequal),
    )
