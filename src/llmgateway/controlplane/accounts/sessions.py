"""Sessions: access tokens of 15 minutes, and refresh tokens that rotate; one used twice ends its session."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.db.models.sessions import MailTicket, RefreshToken, Session
from llmgateway.db.session import Database, see
from llmgateway.errors import NotFound
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash
from llmgateway.kit.ids import new_id

ACCESS: Final = timedelta(minutes=15)
IDLE: Final = timedelta(days=30)
"""A session that is not refreshed for so long ends."""
_KEPT: Final = timedelta(days=30)
"""Of a session that has ended."""
_REPEATABLE: Final = timedelta(minutes=10)
"""How long a refresh whose answer was lost may be repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """The access and refresh token that a login or refresh gives."""

    access: str
    refresh: str
    session_id: str
    user_id: str


async def begin(tx: AsyncSession, deps: Dependencies, user_id: str, address: str, agent: str) -> TokenPair:
    """Create a session of a person whom the transaction sees."""
    now = deps.clock.now()
    session = Session(
        id=new_id("sess", now),
        user_id=user_id,
        address=address,
        agent=agent[:200],
        created_at=now,
        last_used_at=now,
        expires_at=now + IDLE,
    )
    tx.add(session)
    await tx.flush()
    return await _next_tokens(tx, deps, session)


async def refresh(tx: AsyncSession, deps: Dependencies, token: str, attempt: str | None = None) -> TokenPair | None:
    """Rotate the tokens; None when the refresh token is unknown, expired, or was used, which ends its whole session.

    `attempt` is the caller's Idempotency-Key. A page that is reloaded while it renews never sees the answer: it asks
    again with the same one and is given another pair. A thief of the token alone does not know it.
    """
    found = await _find(tx, deps, token)
    if found is None:
        return None
    old, session = found
    now = deps.clock.now()
    if session.revoked_at is not None or session.expires_at <= now:
        return None
    digest = keyed_hash(deps.pepper, attempt) if attempt else None
    if old.used_at is None:
        old.used_at, old.attempt = now, digest
    elif digest is None or old.attempt != digest or now - old.used_at > _REPEATABLE:
        session.revoked_at = now
        await tx.flush()
        return None
    session.last_used_at, session.expires_at = now, now + IDLE
    return await _next_tokens(tx, deps, session)


async def of_refresh(tx: AsyncSession, deps: Dependencies, token: str) -> Session | None:
    """The session of a refresh token; None for an unknown one."""
    found = await _find(tx, deps, token)
    return None if found is None else found[1]


async def listed(tx: AsyncSession, clock: Clock, user_id: str) -> Sequence[Session]:
    """A person's sessions that have not ended, newest first."""
    query = (
        select(Session)
        .where(Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > clock.now())
        .order_by(Session.id.desc())
        .limit(200)
    )
    return (await tx.scalars(query)).all()


async def end(tx: AsyncSession, clock: Clock, user_id: str, session_id: str) -> None:
    """End a session. Raises NotFound."""
    session = await tx.scalar(select(Session).where(Session.user_id == user_id, Session.id == session_id))
    if session is None:
        raise NotFound("There is no such session. GET /api/v1/me/sessions lists yours.")
    session.revoked_at = session.revoked_at or clock.now()


async def end_all(tx: AsyncSession, clock: Clock, user_id: str, *, but: str | None = None) -> None:
    """End every session of a person, except the one with id `but`."""
    ending = (
        update(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None)).values(revoked_at=clock.now())
    )
    await tx.execute(ending if but is None else ending.where(Session.id != but))


async def _find(tx: AsyncSession, deps: Dependencies, token: str) -> tuple[RefreshToken, Session] | None:
    digest = keyed_hash(deps.pepper, token)
    found: dict[str, Any] | None = await tx.scalar(select(func.find_refresh(digest)))
    if found is None:
        return None
    await see(tx, user_id=found["user_id"])
    session = await tx.scalar(select(Session).where(Session.id == found["session_id"]).with_for_update())
    old = await tx.get(RefreshToken, digest, populate_existing=True)
    return None if session is None or old is None else (old, session)


async def forget_ended(database: Database, clock: Clock) -> None:
    """Delete sessions and tickets that ended a month ago, as `worker`."""
    before = clock.now() - _KEPT
    async with database.transaction() as tx:
        await tx.execute(delete(Session).where(Session.expires_at < before))
        await tx.execute(delete(MailTicket).where(MailTicket.expires_at < before))


async def _next_tokens(tx: AsyncSession, deps: Dependencies, session: Session) -> TokenPair:
    token, now = secrets.token_urlsafe(32), deps.clock.now()
    tx.add(
        RefreshToken(
            token_hash=keyed_hash(deps.pepper, token), session_id=session.id, user_id=session.user_id, created_at=now
        )
    )
    await tx.flush()
    access = deps.signer.sign({"sub": session.user_id, "sid": session.id}, now, ACCESS)
    return TokenPair(access=access, refresh=token, session_id=session.id, user_id=session.user_id)
