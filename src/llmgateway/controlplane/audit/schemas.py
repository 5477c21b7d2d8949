"""What the trail shows, and how it is asked."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmgateway.controlplane.reception.bodies import Instant, Shown


class AuditEntry(Shown):
    """One act: who, what, on what, from where, and what it changed."""

    id: str
    created_at: datetime
    actor_id: str | None
    actor_kind: str
    action: str
    target: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    address: str | None


class OperatorEntry(AuditEntry):
    """An act of an operator's, and the organisation that it touched."""

    org_id: str | None


class AuditWish(BaseModel):
    """Which entries, and in what form."""

    model_config = ConfigDict(populate_by_name=True)

    actor: str | None = Field(None, max_length=100, description="A user's id.")
    action: str | None = Field(None, max_length=100, description="Such as key.create, or key.* for all of keys.")
    target: str | None = Field(None, max_length=200, description="The id of what it was done to.")
    since: Instant | None = Field(None, alias="from")
    until: Instant | None = Field(None, alias="to")
    format: Literal["json", "jsonl", "csv"] = Field("json", description="jsonl and csv hold everything that matches.")
