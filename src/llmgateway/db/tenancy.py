"""Tenant rows: selected by their organisation in our queries, and once more by row-level security in PostgreSQL."""

from typing import TypeVar

from sqlalchemy import Select, select

from llmgateway.db.models.api_keys import ApiKey, KeySecret
from llmgateway.db.models.audit_events import AuditRow
from llmgateway.db.models.billing import BillingAccount, OverageChange, OverageTerms
from llmgateway.db.models.contents import ContentRow
from llmgateway.db.models.credentials import ProviderCredential
from llmgateway.db.models.ledger import LedgerClosing, LedgerEntry, LedgerPosting
from llmgateway.db.models.organisations import Invitation, Project
from llmgateway.db.models.routes import Route
from llmgateway.db.models.usage_events import UsageRow
from llmgateway.db.models.users import Member

Row = TypeVar(
    "Row",
    ApiKey,
    AuditRow,
    ContentRow,
    BillingAccount,
    Invitation,
    KeySecret,
    LedgerClosing,
    LedgerEntry,
    LedgerPosting,
    Member,
    OverageChange,
    OverageTerms,
    Project,
    ProviderCredential,
    Route,
    UsageRow,
)
"""The tables whose rows belong to one organisation each."""


def owned(row: type[Row], org_id: str) -> Select[Row]:
    """The rows of one organisation."""
    return select(row).where(row.org_id == org_id)
