"""Tickets: the random tokens in mailed links, stored as keyed hashes. Each works once, for a limited time."""

import secrets
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.db.models.sessions import MailTicket
from llmgateway.db.session import see
from llmgateway.errors import BadRequest
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash


class TicketKind(StrEnum):
    """What a ticket is for."""

    VERIFY = "verify"
    RESET = "reset"
    EMAIL = "email"


_LIFETIME: Final = {
    TicketKind.VERIFY: timedelta(days=3),
    TicketKind.RESET: timedelta(hours=1),
    TicketKind.EMAIL: timedelta(days=1),
}


async def issue(tx: AsyncSession, deps: Dependencies, kind: TicketKind, user_id: str, email: str) -> str:
    """Issue a token and void earlier ones of its kind. Returns the token, which is not stored."""
    token, now = secrets.token_urlsafe(32), deps.clock.now()
    await void_all(tx, deps.clock, user_id, kind)
    tx.add(
        MailTicket(
            token_hash=keyed_hash(deps.pepper, token),
            kind=kind,
            user_id=user_id,
            email=email,
            created_at=now,
            expires_at=now + _LIFETIME[kind],
        )
    )
    await tx.flush()
    return token


async def void_all(tx: AsyncSession, clock: Clock, user_id: str, *kinds: TicketKind) -> None:
    """Void the unused tickets of a person: of these kinds, or of all."""
    open_ones = update(MailTicket).where(
        MailTicket.user_id == user_id, MailTicket.kind.in_(kinds or tuple(TicketKind)), MailTicket.used_at.is_(None)
    )
    await tx.execute(open_ones.values(used_at=clock.now()))


async def redeem(tx: AsyncSession, deps: Dependencies, token: str, *kinds: TicketKind) -> MailTicket:
    """Use a token of one of these kinds; from here on the transaction sees its person. Raises BadRequest."""
    digest, now = keyed_hash(deps.pepper, token), deps.clock.now()
    user_id: str | None = await tx.scalar(select(func.find_ticket(digest)))
    if user_id is not None:
        await see(tx, user_id=user_id)
        ticket = await tx.scalar(select(MailTicket).where(MailTicket.token_hash == digest).with_for_update())
        if ticket is not None and ticket.kind in kinds and ticket.used_at is None and ticket.expires_at > now:
            ticket.used_at = now
            await tx.flush()
            return ticket
    raise BadRequest(
        "This link was used, is too old, or is not ours. Ask for a new one.", code="invalid_token", param="token"
    )
