"""ledger_postings, ledger_entries, ledger_closings: the books, append only; what balances is checked in the database."""

from datetime import date

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from llmgateway.db.base import Base, Id, Moment, Nanos


class LedgerPosting(Base):
    """One thing that happened to an organisation's money."""

    __tablename__ = "ledger_postings"

    id: Mapped[Id]
    org_id: Mapped[str]
    kind: Mapped[str]
    reference: Mapped[str]
    """What it stands for; once for an organisation and kind."""
    description: Mapped[str]
    lines: Mapped[int]
    """How many entries it has, so that none is added later."""
    hour: Mapped[Moment | None]
    """For charges of usage: the hour they are for."""
    events: Mapped[int | None] = mapped_column(BigInteger)
    first_event: Mapped[str | None]
    last_event: Mapped[str | None]
    created_at: Mapped[Moment]


class LedgerEntry(Base):
    """One line of a posting: a debit is more than 0, a credit less."""

    __tablename__ = "ledger_entries"

    posting_id: Mapped[str] = mapped_column(ForeignKey("ledger_postings.id"), primary_key=True)
    line: Mapped[int] = mapped_column(primary_key=True)
    org_id: Mapped[str]
    account: Mapped[str]
    nanos: Mapped[Nanos]
    created_at: Mapped[Moment]


class LedgerClosing(Base):
    """What an account held when a UTC day ended."""

    __tablename__ = "ledger_closings"

    org_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    account: Mapped[str] = mapped_column(primary_key=True)
    nanos: Mapped[Nanos]
    created_at: Mapped[Moment]
