"""The ledger: double entry, append only, an organisation at a time. A balance is a sum, never a column.

Money is nano-dollars; a debit is more than 0, a credit less, and a posting's entries sum to 0 (checked here and, when the
transaction ends, by PostgreSQL).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.ledger import LedgerClosing, LedgerEntry, LedgerPosting
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id
from llmgateway.kit.utc import DAY, begin_of

_LOCK: Final = 7261948304
"""With the organisation's id: its books are written by one transaction at a time."""


class Account(StrEnum):
    """Where money stands. Assets and losses grow by debits, revenue and debts by credits."""

    USAGE = "usage"
    """Charged, not on an invoice yet."""
    METERED = "metered"
    """Told to Stripe in whole cents, not on an invoice yet."""
    RECEIVABLE = "receivable"
    """Invoiced, not paid yet."""
    BALANCE = "balance"
    """With Stripe for invoices to come: a credit goes off the next one, a debit comes on top of it."""
    STRIPE = "stripe"
    """Paid, and with Stripe."""
    CREDIT = "credit"
    """Paid in advance, which we owe; a debit balance is debt of the organisation."""
    REVENUE = "revenue"
    TAX = "tax"
    """Collected with invoices, owed to the state."""
    ROUNDING = "rounding"
    """What is less than a cent and waits for the next invoice."""
    LOSSES = "losses"
    """Invoiced and given up (uncollectible); what was voided is neither revenue nor lost."""
    GRANTED = "granted"
    """Credit that operators gave, and invoices that were paid past Stripe: paid for elsewhere, or a present."""


class PostingKind(StrEnum):
    """What a posting is about."""

    USAGE = "usage"
    OVERAGE = "overage"
    CREDIT = "credit"
    GRANT = "grant"
    METERED = "metered"
    INVOICE = "invoice"
    PAYMENT = "payment"
    BALANCE = "balance"
    REFUND = "refund"
    LOSS = "loss"
    VOID = "void"
    DEBT = "debt"


class Unbalanced(ValueError):
    """Entries that do not sum to 0: a mistake of ours, which must not reach the books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The usage that a charge is for."""

    hour: datetime
    events: int
    first_event: str | None = None
    last_event: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Posting:
    """One thing that happened to money. Raises Unbalanced."""

    kind: PostingKind
    reference: str
    """Of an organisation and kind, each reference is posted once."""
    description: str
    entries: Mapping[Account, int]
    covers: Coverage | None = None

    def __post_init__(self) -> None:
        if sum(self.entries.values()) != 0:
            raise Unbalanced(f"{self.kind} {self.reference}: {dict(self.entries)}")


async def lock(tx: AsyncSession, org_id: str) -> None:
    """Until this transaction ends, nobody else writes this organisation's books."""
    await tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:org, :lock))"), {"org": org_id, "lock": _LOCK}
    )


async def post(tx: AsyncSession, clock: Clock, org_id: str, posting: Posting) -> bool:
    """Write it, after `lock`; False when there is nothing to write, or it was written before."""
    lines = [(account, nanos) for account, nanos in posting.entries.items() if nanos]
    if not lines:
        return False
    now = clock.now()
    identifier = await _write_head(tx, org_id, posting, now, len(lines))
    if identifier is None:
        return False
    rows = [
        {
            "posting_id": identifier,
            "line": place,
            "org_id": org_id,
            "account": account,
            "nanos": nanos,
            "created_at": now,
        }
        for place, (account, nanos) in enumerate(lines, start=1)
    ]
    await tx.execute(insert(LedgerEntry).values(rows))
    return True


async def balances(tx: AsyncSession, org_id: str, before: datetime | None = None) -> dict[Account, int]:
    """What each account held at a moment, or holds now."""
    found = await sums(tx, org_id, before)
    return {account: found[account] for account in Account}


async def sums(tx: AsyncSession, org_id: str, before: datetime | None = None) -> dict[str, int]:
    """The same, with accounts that only a newer release knows: the last closing line before the moment, and what came since."""
    closed = select(func.max(LedgerClosing.day)).where(LedgerClosing.org_id == org_id)
    if before is not None:
        closed = closed.where(LedgerClosing.day < before.astimezone(UTC).date())
    day = await tx.scalar(closed)
    entries = select(LedgerEntry.account, LedgerEntry.nanos).where(LedgerEntry.org_id == org_id)
    if before is not None:
        entries = entries.where(LedgerEntry.created_at < before)
    parts = entries.subquery()
    if day is not None:
        since = begin_of(day) + DAY
        lines = select(LedgerClosing.account, LedgerClosing.nanos).where(
            LedgerClosing.org_id == org_id, LedgerClosing.day == day
        )
        parts = lines.union_all(entries.where(LedgerEntry.created_at >= since)).subquery()
    rows = (await tx.execute(select(parts.c.account, func.sum(parts.c.nanos)).group_by(parts.c.account))).all()
    return {**dict.fromkeys(Account, 0), **{account: int(nanos) for account, nanos in rows}}


async def moved(tx: AsyncSession, org_id: str, kind: PostingKind, reference: str, account: Account) -> int:
    """What was posted to an account about one thing: under its reference, or under that with `/` and more behind it."""
    about = (LedgerPosting.reference == reference) | LedgerPosting.reference.startswith(
        f"{reference}/", autoescape=True
    )
    query = (
        select(func.coalesce(func.sum(LedgerEntry.nanos), 0))
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerPosting.org_id == org_id, LedgerPosting.kind == kind, about, LedgerEntry.account == account)
    )
    return int(await tx.scalar(query) or 0)


async def posted(tx: AsyncSession, org_id: str, kind: PostingKind, reference: str) -> bool:
    """Whether it is in the books."""
    query = select(LedgerPosting.id).where(
        LedgerPosting.org_id == org_id, LedgerPosting.kind == kind, LedgerPosting.reference == reference
    )
    return await tx.scalar(query) is not None


async def _write_head(tx: AsyncSession, org_id: str, posting: Posting, now: datetime, lines: int) -> str | None:
    """The posting without its lines, whose number is told; its id, or None when it was written before."""
    covers, identifier = posting.covers, new_id("post", now)
    query = insert(LedgerPosting).values(
        id=identifier,
        org_id=org_id,
        kind=posting.kind,
        reference=posting.reference,
        description=posting.description,
        lines=lines,
        hour=covers.hour if covers else None,
        events=covers.events if covers else None,
        first_event=covers.first_event if covers else None,
        last_event=covers.last_event if covers else None,
        created_at=now,
    )
    return await tx.scalar(query.on_conflict_do_nothing().returning(LedgerPosting.id))
