"""API keys: made once, kept as a keyed hash, revoked everywhere at once."""

import json
import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.contract.snapshot import Limits
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.tenancy import owned
from llmgateway.errors import NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash
from llmgateway.kit.ids import new_id

CHANNEL: Final = "llmgateway_changes"
"""PostgreSQL's NOTIFY channel for changes of keys."""
_ALPHABET: Final = string.ascii_letters + string.digits
UNLIMITED: Final = "self_hosted"
"""The plan without quota, limit or charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """What a new key shall be; a limit that is None is the plan's default."""

    name: str
    test: bool = False
    limits: Limits
    monthly_budget_nanos: int | None = None


def new_secret(*, test: bool) -> str:
    """A fresh secret, 190 bits of chance."""
    kind = "test" if test else "live"
    return f"lgw_{kind}_" + "".join(secrets.choice(_ALPHABET) for _ in range(32))


async def create(
    tx: AsyncSession, clock: Clock, org: Organisation, pepper: bytes, wish: KeyWish, secret: str
) -> ApiKey:
    """Store a key. The caller shows the secret once; nobody can see it again."""
    limits = wish.limits if org.plan == UNLIMITED else _with_defaults(wish.limits)
    now = clock.now()
    key = ApiKey(
        id=new_id("key", now),
        org_id=org.id,
        name=wish.name,
        test=wish.test,
        prefix=secret[:12],
        last4=secret[-4:],
        secret_hash=keyed_hash(pepper, secret),
        requests_per_minute=limits.requests_per_minute,
        requests_per_hour=limits.requests_per_hour,
        requests_per_day=limits.requests_per_day,
        tokens_per_minute=limits.tokens_per_minute,
        concurrency=limits.concurrency,
        monthly_budget_nanos=wish.monthly_budget_nanos,
        created_at=now,
    )
    tx.add(key)
    await tx.flush()
    await announce(tx, KeyChanged(key.id, None))
    return key


async def listed(tx: AsyncSession, org: Organisation) -> Sequence[ApiKey]:
    """All keys of an organisation, newest first."""
    return (await tx.scalars(owned(ApiKey, org.id).order_by(ApiKey.id.desc()))).all()


async def revoke(tx: AsyncSession, clock: Clock, key_id: str) -> ApiKey:
    """End a key for good, in every process. Raises NotFound."""
    key = await tx.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}. `llmgateway keys list` shows them.")
    key.revoked_at = key.revoked_at or clock.now()
    await announce(tx, KeyChanged(key.id, None))
    return key


async def announce(tx: AsyncSession, change: KeyChanged) -> None:
    """Tell every data process, when this transaction commits."""
    payload = json.dumps({"key_id": change.key_id, "org_id": change.org_id})
    await tx.execute(text("SELECT pg_notify(:channel, :payload)"), {"channel": CHANNEL, "payload": payload})


def _with_defaults(limits: Limits) -> Limits:
    """60 a minute, 1,000 an hour, 10,000 a day, where nothing else was asked for."""
    return Limits(
        requests_per_minute=limits.requests_per_minute or 60,
        requests_per_hour=limits.requests_per_hour or 1_000,
        requests_per_day=limits.requests_per_day or 10_000,
        tokens_per_minute=limits.tokens_per_minute,
        concurrency=limits.concurrency,
    )
