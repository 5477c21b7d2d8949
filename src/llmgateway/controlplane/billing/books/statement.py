"""The statement: every line of an organisation's books between two moments, with what each account held before."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.billing.books.ledger import sums
from llmgateway.db.models.ledger import LedgerEntry, LedgerPosting
from llmgateway.kit.money import usd
from llmgateway.kit.utc import text_of

COLUMNS: Final = (
    "time", "posting", "kind", "description", "account", "debit_usd", "credit_usd", "balance_usd", "side", "hour",
    "events", "first_event", "last_event",
)  # fmt: skip
_BATCH: Final = 1000


async def lines(tx: AsyncSession, org_id: str, since: datetime, until: datetime) -> AsyncIterator[Mapping[str, object]]:
    """Opening balances, then every entry, oldest first, each with its account's balance and the side that is on."""
    held = await sums(tx, org_id, since)
    for account, nanos in held.items():
        yield _line(since, account, nanos, kind="opening", amount=None)
    query = (
        select(LedgerEntry, LedgerPosting)
        .join(LedgerPosting, LedgerPosting.id == LedgerEntry.posting_id)
        .where(LedgerEntry.org_id == org_id, LedgerEntry.created_at >= since, LedgerEntry.created_at < until)
        .order_by(LedgerEntry.posting_id, LedgerEntry.line)
        .limit(_BATCH)
    )
    after = ("", 0)
    while True:
        further = (LedgerEntry.posting_id > after[0]) | (
            (LedgerEntry.posting_id == after[0]) & (LedgerEntry.line > after[1])
        )
        rows = (await tx.execute(query.where(further))).all()
        for entry, posting in rows:
            held[entry.account] = held.get(entry.account, 0) + entry.nanos
            yield {
                **_line(entry.created_at, entry.account, held[entry.account], kind=posting.kind, amount=entry.nanos),
                "posting": posting.id,
                "description": posting.description,
                "hour": posting.hour and text_of(posting.hour),
                "events": posting.events,
                "first_event": posting.first_event,
                "last_event": posting.last_event,
            }
        if len(rows) < _BATCH:
            return
        after = (rows[-1][0].posting_id, rows[-1][0].line)


def _line(moment: datetime, account: str, held: int, *, kind: str, amount: int | None) -> dict[str, object]:
    return {
        "time": text_of(moment),
        "kind": kind,
        "account": account,
        "debit_usd": usd(amount) if amount is not None and amount > 0 else None,
        "credit_usd": usd(-amount) if amount is not None and amount < 0 else None,
        "balance_usd": usd(abs(held)),
        "side": "debit" if held >= 0 else "credit",
    }
