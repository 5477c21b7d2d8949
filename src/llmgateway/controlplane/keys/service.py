"""API keys: made once, kept as a keyed hash, changed, rotated, revoked everywhere at once."""

import secrets
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import KeyChanged
from llmgateway.contract.snapshot import Limits
from llmgateway.controlplane.plans.service import plan_named
from llmgateway.controlplane.reception.announcing import announce
from llmgateway.controlplane.reception.dependencies import MemberLeft
from llmgateway.db.models.api_keys import ApiKey, KeySecret
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.tenancy import owned
from llmgateway.errors import Conflict, NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash
from llmgateway.kit.ids import new_id

NO_LIMIT: Final = 0
"""A limit that is asked for as this is none, whatever the plan gives a key that does not ask."""
_ALPHABET: Final = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """What a new key shall be; a limit that is None is the plan's default, a rule that is None is no rule."""

    name: str
    test: bool = False
    limits: Limits
    daily_budget_nanos: int | None = None
    monthly_budget_nanos: int | None = None
    total_budget_nanos: int | None = None
    hard_budget: bool = True
    created_by: str | None = None
    project_id: str | None = None
    scopes: Sequence[str] | None = None
    models: Sequence[str] | None = None
    providers: Sequence[str] | None = None
    networks: Sequence[str] | None = None
    tags: Sequence[str] | None = None
    expires_at: datetime | None = None
    cache_seconds: int | None = None
    governed: Sequence[str] = ()


def new_secret(*, test: bool) -> str:
    """A fresh secret of 190 random bits."""
    kind = "test" if test else "live"
    return f"lgw_{kind}_" + "".join(secrets.choice(_ALPHABET) for _ in range(32))


async def create(
    tx: AsyncSession, clock: Clock, org: Organisation, pepper: bytes, wish: KeyWish, secret: str
) -> ApiKey:
    """Store a key with its secret's keyed hash. The caller shows the secret once; nobody can see it again."""
    limits = limits_in(org, wish.limits)
    now = clock.now()
    key = ApiKey(
        id=new_id("key", now),
        org_id=org.id,
        project_id=wish.project_id,
        name=wish.name,
        test=wish.test,
        prefix=secret[:12],
        last4=secret[-4:],
        created_by=wish.created_by,
        requests_per_minute=limits.requests_per_minute,
        requests_per_hour=limits.requests_per_hour,
        requests_per_day=limits.requests_per_day,
        tokens_per_minute=limits.tokens_per_minute,
        concurrency=limits.concurrency,
        daily_budget_nanos=wish.daily_budget_nanos,
        monthly_budget_nanos=wish.monthly_budget_nanos,
        total_budget_nanos=wish.total_budget_nanos,
        hard_budget=wish.hard_budget,
        cache_seconds=wish.cache_seconds,
        scopes=_list(wish.scopes),
        models=_list(wish.models),
        providers=_list(wish.providers),
        networks=_list(wish.networks),
        tags=_list(wish.tags),
        governed=list(wish.governed),
        expires_at=wish.expires_at,
        created_at=now,
    )
    tx.add(key)
    await tx.flush()
    await _add_secret(tx, clock, key, pepper, secret)
    await announce(tx, KeyChanged(key.id, None))
    return key


async def rotate(tx: AsyncSession, clock: Clock, key: ApiKey, pepper: bytes, overlap: timedelta) -> str:
    """Give a key a new secret, which is returned. The newest of those before works on for `overlap`, others end now. Raises Conflict."""
    if key.revoked_at is not None:
        raise Conflict("This key is revoked. Make another one.")
    now = clock.now()
    live = [
        secret
        for secret in (await secrets_of(tx, [key])).get(key.id, ())
        if secret.expires_at is None or secret.expires_at > now
    ]
    for place, old in enumerate(live):  # newest first
        ending = now + overlap if place == 0 else now
        old.expires_at = ending if old.expires_at is None else min(old.expires_at, ending)
    secret = new_secret(test=key.test)
    key.prefix, key.last4 = secret[:12], secret[-4:]
    await _add_secret(tx, clock, key, pepper, secret)
    await announce(tx, KeyChanged(key.id, None))
    return secret


async def secrets_of(tx: AsyncSession, keys: Sequence[ApiKey]) -> dict[str, list[KeySecret]]:
    """The secrets of some keys of one organisation, newest first, in one query."""
    found = dict[str, list[KeySecret]]()
    if not keys:
        return found
    query = owned(KeySecret, keys[0].org_id).where(KeySecret.key_id.in_([key.id for key in keys]))
    for secret in (await tx.scalars(query.order_by(KeySecret.id.desc()))).all():
        found.setdefault(secret.key_id, []).append(secret)
    return found


async def listed(tx: AsyncSession, org: Organisation) -> Sequence[ApiKey]:
    """All keys of an organisation, newest first."""
    return (await tx.scalars(owned(ApiKey, org.id).order_by(ApiKey.id.desc()))).all()


async def revoke(tx: AsyncSession, clock: Clock, key_id: str) -> ApiKey:
    """For operators: end a key for good, in every process. Raises NotFound."""
    key = await tx.get(ApiKey, key_id)
    if key is None:
        raise NotFound(f"There is no API key {key_id!r}. `llmgateway keys list` shows them.")
    await end(tx, clock, key)
    return key


async def end(tx: AsyncSession, clock: Clock, key: ApiKey) -> None:
    """End a key for good, in every process."""
    key.revoked_at = key.revoked_at or clock.now()
    await tx.flush()
    await announce(tx, KeyChanged(key.id, None))


async def end_of_member(tx: AsyncSession, clock: Clock, left: MemberLeft) -> None:
    """The keys of somebody who left end with their membership."""
    theirs = select(ApiKey.id).where(
        ApiKey.org_id == left.org_id, ApiKey.created_by == left.user_id, ApiKey.revoked_at.is_(None)
    )
    ids = (await tx.scalars(theirs)).all()
    await tx.execute(
        update(ApiKey).where(ApiKey.org_id == left.org_id, ApiKey.id.in_(ids)).values(revoked_at=clock.now())
    )
    for key_id in ids:
        await announce(tx, KeyChanged(key_id, None))


def limits_in(org: Organisation, limits: Limits) -> Limits:
    """The limits that a key gets: what the plan gives it where None was asked for, none (None) where NO_LIMIT was."""
    usual = plan_named(org.plan).key_rates
    return Limits(
        requests_per_minute=_given(limits.requests_per_minute, usual.requests_per_minute),
        requests_per_hour=_given(limits.requests_per_hour, usual.requests_per_hour),
        requests_per_day=_given(limits.requests_per_day, usual.requests_per_day),
        tokens_per_minute=limits.tokens_per_minute or None,
        concurrency=limits.concurrency or None,
    )


def _given(limit: int | None, usual: int | None) -> int | None:
    return usual if limit is None else limit or None


async def _add_secret(tx: AsyncSession, clock: Clock, key: ApiKey, pepper: bytes, secret: str) -> None:
    """Store a secret's hash, and of the secret itself what it is recognised by."""
    now = clock.now()
    tx.add(
        KeySecret(
            id=new_id("sec", now),
            key_id=key.id,
            org_id=key.org_id,
            secret_hash=keyed_hash(pepper, secret),
            prefix=secret[:12],
            last4=secret[-4:],
            created_at=now,
        )
    )
    await tx.flush()


def _list(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else list(values)
