"""Many organisations at once, to see how the installation behaves with them: never real ones."""

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.keys.service import new_secret
from llmgateway.controlplane.plans.service import all_plans
from llmgateway.db.base import Base
from llmgateway.db.models.api_keys import ApiKey, KeySecret
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Login, Member, User
from llmgateway.db.session import Database
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import keyed_hash
from llmgateway.kit.ids import new_id

KEYS_EACH: Final = 10
PEOPLE_EACH: Final = 3
_AT_ONCE: Final = 250
_ROLES: Final = ("owner", "admin", "member")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seeded:
    """How to get in: the first owner, and one key."""

    org_id: str
    email: str
    key: str


async def seed(
    database: Database, clock: Clock, pepper: bytes, hashed: str, count: int, progress: Callable[[int], None]
) -> Seeded:  # fmt: skip
    """Make organisations, each with three people and ten keys; as `admin`. All people have the password of `hashed`."""
    plans = [plan.id for plan in all_plans().values()]
    run = secrets.token_hex(3)
    first: Seeded | None = None
    for start in range(0, count, _AT_ONCE):
        rows = dict[type[Base], list[dict[str, Any]]]()
        for number in range(start, min(start + _AT_ONCE, count)):
            made = _organisation(rows, clock.now(), pepper, f"{run}-{number}", plans[number % len(plans)], hashed)
            first = first or made
        async with database.transaction() as tx:
            await _store(tx, rows)
        progress(min(start + _AT_ONCE, count))
    assert first is not None
    return first


async def _store(tx: AsyncSession, rows: dict[type[Base], list[dict[str, Any]]]) -> None:
    for table in (Organisation, User, Login, Member, ApiKey, KeySecret):
        await tx.execute(insert(table), rows[table])


def _organisation(
    rows: dict[type[Base], list[dict[str, Any]]], now: datetime, pepper: bytes, name: str, plan: str, hashed: str
) -> Seeded:  # fmt: skip
    org_id = new_id("org", now)
    rows.setdefault(Organisation, []).append(
        {"id": org_id, "name": f"Seed {name}", "slug": f"seed-{name}", "plan": plan, "created_at": now}
    )
    people = list(_people(rows, now, org_id, name, hashed))
    secret = ""
    for number in range(KEYS_EACH):
        secret = new_secret(test=False)
        key_id = new_id("key", now)
        shown = {"prefix": secret[:12], "last4": secret[-4:], "created_at": now, "org_id": org_id}
        rows.setdefault(ApiKey, []).append(
            {"id": key_id, "name": f"key {number}", "test": False, "created_by": people[number % len(people)], **shown}
        )
        rows.setdefault(KeySecret, []).append(
            {"id": new_id("sec", now), "key_id": key_id, "secret_hash": keyed_hash(pepper, secret), **shown}
        )
    return Seeded(org_id=org_id, email=f"owner-{name}@seed.test", key=secret)


def _people(
    rows: dict[type[Base], list[dict[str, Any]]], now: datetime, org_id: str, name: str, hashed: str
) -> Iterator[str]:
    for role in _ROLES:
        user_id = new_id("user", now)
        rows.setdefault(User, []).append(
            {
                "id": user_id,
                "email": f"{role}-{name}@seed.test",
                "name": "",
                "email_verified_at": now,
                "created_at": now,
            }
        )
        rows.setdefault(Login, []).append({"user_id": user_id, "password_hash": hashed})
        rows.setdefault(Member, []).append({"org_id": org_id, "user_id": user_id, "role": role, "created_at": now})
        yield user_id


def totals(count: int) -> Sequence[str]:
    """What a number of organisations comes to, in words."""
    return (f"{count:,} organisations", f"{count * PEOPLE_EACH:,} people", f"{count * KEYS_EACH:,} keys")
