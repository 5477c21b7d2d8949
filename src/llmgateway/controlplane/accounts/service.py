"""People."""

import asyncio

from pwdlib import PasswordHash
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.db.models.users import User
from llmgateway.kit.clock import Clock
from llmgateway.kit.ids import new_id


async def create(tx: AsyncSession, clock: Clock, email: str, password: str) -> User:
    """A new person. The password is hashed in a thread: argon2id takes a tenth of a second and 64 MiB."""
    now = clock.now()
    hashed = await asyncio.to_thread(PasswordHash.recommended().hash, password)
    user = User(id=new_id("user", now), email=email.strip().lower(), password_hash=hashed, created_at=now)
    tx.add(user)
    await tx.flush()
    return user
