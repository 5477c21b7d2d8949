"""Rotating the master key: whatever an older one sealed is sealed again by the newest."""

from dataclasses import dataclass

from sqlalchemy import select

from llmgateway.controlplane.accounts import mfa
from llmgateway.db.models.installations import PEPPER_CONTEXT, Installation
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.models.users import Login
from llmgateway.db.session import Database
from llmgateway.kit.crypto import MasterKeys
from llmgateway.kit.vault import Vault

_BATCH = 500


@dataclass(slots=True)
class Rotated:
    """How many secrets were sealed again."""

    peppers: int = 0
    data_keys: int = 0
    second_factors: int = 0


async def rotate(database: Database, masters: MasterKeys) -> Rotated:
    """As `admin`, in batches; may be stopped and begun again. Raises CannotOpen when a key is missing from the list."""
    done = Rotated()
    async with database.transaction() as tx:
        for installation in (await tx.scalars(select(Installation))).all():
            if not masters.is_newest(installation.key_pepper):
                installation.key_pepper = masters.seal(
                    masters.open(installation.key_pepper, PEPPER_CONTEXT), PEPPER_CONTEXT
                )
                done.peppers += 1
    await _data_keys(database, Vault(masters), done)
    await _second_factors(database, masters, done)
    return done


async def _data_keys(database: Database, vault: Vault, done: Rotated) -> None:
    last = ""
    while True:
        async with database.transaction() as tx:
            query = select(Organisation).where(Organisation.id > last, Organisation.data_key.is_not(None))
            rows = (await tx.scalars(query.order_by(Organisation.id).limit(_BATCH).with_for_update())).all()
            for org in rows:
                wrapped = vault.rewrapped(org.data_key or b"", org.id)
                done.data_keys += wrapped != org.data_key
                org.data_key, last = wrapped, org.id
        if len(rows) < _BATCH:
            return


async def _second_factors(database: Database, masters: MasterKeys, done: Rotated) -> None:
    last = ""
    while True:
        async with database.transaction() as tx:
            query = select(Login).where(Login.user_id > last, Login.totp_secret.is_not(None))
            rows = (await tx.scalars(query.order_by(Login.user_id).limit(_BATCH).with_for_update())).all()
            for login in rows:
                sealed, about, last = login.totp_secret or b"", mfa.about(login.user_id), login.user_id
                if not masters.is_newest(sealed):
                    login.totp_secret = masters.seal(masters.open(sealed, about), about)
                    done.second_factors += 1
        if len(rows) < _BATCH:
            return
