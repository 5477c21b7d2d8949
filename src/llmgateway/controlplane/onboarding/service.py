"""The first start of an installation: creates its pepper, and its first organisation, owner and key; once, whichever process comes first."""

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.snapshot import Limits
from llmgateway.controlplane.accounts import service as accounts
from llmgateway.controlplane.keys import service as keys
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.controlplane.plans.service import SELF_HOSTED
from llmgateway.db.models.installations import PEPPER_CONTEXT, Installation
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import User
from llmgateway.db.session import Database
from llmgateway.errors import ConfigurationError, Conflict
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import CannotOpen, MasterKeys
from llmgateway.kit.ids import new_id
from llmgateway.kit.passwords import hashed_once
from llmgateway.settings import Settings

_LOCK = 7261948302
_FIRST_EMAIL = "owner@localhost"


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """What the first start created, to be shown once."""

    email: str | None
    """None in production, unless somebody was named: nobody can log in yet."""
    password: str | None
    """None when it was given and need not be shown, and always in production, whose output is kept."""
    key: str | None
    """None in production, unless it was given."""


async def install(database: Database, clock: Clock, settings: Settings) -> tuple[bytes, FirstSteps | None]:
    """The pepper of API keys, and what was made if the installation was empty; as `admin`. Raises ConfigurationError.

    A pepper under an older master key is sealed again under the newest.
    """
    masters = master_keys(settings)
    async with database.transaction() as tx:
        await tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        installation = await tx.scalar(select(Installation))
        if installation is None:
            pepper = secrets.token_bytes(32)
            now = clock.now()
            sealed = masters.seal(pepper, PEPPER_CONTEXT)
            tx.add(Installation(id=new_id("inst", now), key_pepper=sealed, created_at=now))
        else:
            pepper = _open(masters, installation)
            if not masters.is_newest(installation.key_pepper):
                installation.key_pepper = masters.seal(pepper, PEPPER_CONTEXT)
        await tx.execute(text("SELECT ensure_usage_partitions()"))
        if await tx.scalar(select(Organisation.id).limit(1)) is not None:
            return pepper, None
        return pepper, await _take_first_steps(tx, clock, settings, pepper)


async def _take_first_steps(tx: AsyncSession, clock: Clock, settings: Settings, pepper: bytes) -> FirstSteps:
    """The first organisation; who owns it and its key are made where they are named, and on a laptop."""
    org = await orgs.create(tx, clock, "Default", SELF_HOSTED, None)
    named = settings.bootstrap_email is not None or settings.bootstrap_password is not None
    email = (settings.bootstrap_email or _FIRST_EMAIL) if named or not settings.production else None
    password = settings.bootstrap_password or secrets.token_urlsafe(12)
    if email is not None:
        await welcome_operator(tx, clock, email, await hashed_once(password))
    secret = settings.bootstrap_api_key or (None if settings.production else keys.new_secret(test=False))
    if secret is not None:
        wish = keys.KeyWish(name="first key", test=secret.startswith("lgw_test_"), limits=Limits())
        await keys.create(tx, clock, org, pepper, wish, secret)
    shown = None if settings.production or settings.bootstrap_password else password
    return FirstSteps(email, shown, secret)


async def welcome_operator(tx: AsyncSession, clock: Clock, email: str, password_hash: str) -> str | None:
    """Make an account that operates the installation; an organisation whose owner it became, as it had none. Raises Conflict."""
    if await tx.scalar(select(User.id).where(User.email == email)) is not None:
        raise Conflict(f"Somebody has an account with the address {email!r}. `llmgateway operators add` appoints them.")
    person = accounts.NewPerson(id=accounts.new_user_id(clock), email=email, password_hash=password_hash, verified=True)
    user = await accounts.create(tx, clock, person)
    user.operator = True
    return await orgs.give_orphan(tx, clock, user.id)


def master_keys(settings: Settings) -> MasterKeys:
    """The master keys of this installation, newest first. Raises ConfigurationError."""
    return MasterKeys(settings.secret_key or (_own_secret(settings, "master-key"),))


def token_secret(settings: Settings) -> str:
    """What access tokens are signed with. Raises ConfigurationError."""
    return settings.jwt_secret_key or _own_secret(settings, "jwt-key")


def _open(masters: MasterKeys, installation: Installation) -> bytes:
    try:
        return masters.open(installation.key_pepper, PEPPER_CONTEXT)
    except CannotOpen as error:
        raise ConfigurationError(
            f"The key pepper of this database cannot be opened: {error}. Put the old key behind the new one in LLMGATEWAY_SECRET_KEY, "
            "or restore the data directory's master-key."
        ) from error


def _own_secret(settings: Settings, name: str) -> str:
    """A secret of the embedded default, made at the first start, whole or not at all, readable by its owner only."""
    path = settings.data_dir / name
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(secrets.token_hex(32) + "\n")
        with suppress(FileExistsError):
            path.hardlink_to(draft)  # unless another process was faster
        draft.unlink()
    key = path.read_text("utf-8").strip()
    if not key:
        raise ConfigurationError(
            f"{path} is empty. Restore it from a backup: what it sealed cannot be opened without it."
        )
    return key
