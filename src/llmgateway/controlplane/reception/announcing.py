"""Notifies every data process of changes, by PostgreSQL's NOTIFY, when the transaction commits."""

import json
from dataclasses import asdict
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import CachePurged, KeyChanged

CHANNEL: Final = "llmgateway_changes"
"""PostgreSQL's NOTIFY channel for changes of keys and organisations."""


async def announce_purge(tx: AsyncSession, purge: CachePurged) -> None:
    """Have every data process drop cached answers, when this transaction commits."""
    payload = {"key_id": None, "org_id": None, "purge": asdict(purge)}
    await tx.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": json.dumps(payload)})


async def announce(tx: AsyncSession, change: KeyChanged) -> None:
    """Have every data process reload a key or an organisation, when this transaction commits."""
    payload = json.dumps({"key_id": change.key_id, "org_id": change.org_id})
    await tx.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})
