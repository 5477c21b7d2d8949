"""The second factor: codes of an authenticator app (RFC 6238), and recovery codes for a lost one."""

import base64
import hmac
import secrets
from typing import Final

from pyotp.totp import TOTP
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.db.models.users import Login, User
from llmgateway.errors import BadRequest, Conflict, Unauthorized
from llmgateway.kit.crypto import keyed_hash

_STEP_SECONDS: Final = 30
_RECOVERY_CODES: Final = 10
_ISSUER: Final = "llmgateway"
REQUIRED: Final = "mfa_required"
"""The password was right; the code is missing."""


async def offer(tx: AsyncSession, deps: Dependencies, user: User) -> tuple[str, str]:
    """Store a new TOTP secret, not yet in force; returns it and its otpauth URI. Raises Conflict when the factor is on."""
    login = await tx.get_one(Login, user.id)
    if login.totp_confirmed_at is not None:
        raise Conflict("The second factor is on already. Switch it off first to use another app.")
    secret = base64.b32encode(secrets.token_bytes(20)).decode()
    login.totp_secret = deps.masters.seal(secret.encode(), about(user.id))
    uri = TOTP(secret, name=user.email, issuer=_ISSUER).provisioning_uri()
    return secret, uri


async def confirm(tx: AsyncSession, deps: Dependencies, user: User, code: str) -> list[str]:
    """Switch the factor on, proven by a code; returns the recovery codes. Raises BadRequest and Conflict."""
    login = await tx.get_one(Login, user.id)
    if login.totp_confirmed_at is not None:
        raise Conflict("The second factor is on already.")
    if login.totp_secret is None:
        raise BadRequest("Ask for a secret first: POST /api/v1/me/mfa.")
    if not _accept_code(deps, login, code):
        raise BadRequest(
            "This code is not right. Check the clock of your device, and send the newest code.", param="code"
        )
    login.totp_confirmed_at = deps.clock.now()
    return renew_recovery(deps, login)


def renew_recovery(deps: Dependencies, login: Login) -> list[str]:
    """New recovery codes instead of the old ones. Raises Conflict when the factor is off."""
    if login.totp_confirmed_at is None:
        raise Conflict("The second factor is off. Switch it on to get recovery codes: POST /api/v1/me/mfa.")
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(_RECOVERY_CODES)]
    login.recovery_hashes = [keyed_hash(deps.pepper, code).hex() for code in codes]
    return codes


def check(deps: Dependencies, login: Login, code: str | None) -> None:
    """Check the code of a login whose factor is on: of the app, or a recovery code, which works once. Raises Unauthorized."""
    if login.totp_confirmed_at is None:
        return
    if code is None:
        raise Unauthorized("Send the code of your authenticator app as `code`.", code=REQUIRED, param="code")
    if not _accept_code(deps, login, code) and not _accept_recovery(deps, login, code):
        raise Unauthorized("This code is not right, or was used.", code="invalid_code", param="code")


def switch_off(login: Login) -> None:
    """Switch the factor off: remove its secret and recovery codes."""
    login.totp_secret = login.totp_confirmed_at = login.totp_last_step = None
    login.recovery_hashes = []


def _accept_code(deps: Dependencies, login: Login, code: str) -> bool:
    """Whether it is a code of this 30-second step or a neighbouring one, and later than the last code that was used."""
    if login.totp_secret is None:
        return False
    app = TOTP(deps.masters.open(login.totp_secret, about(login.user_id)).decode())
    step = int(deps.clock.now().timestamp()) // _STEP_SECONDS
    wanted = code.replace(" ", "")
    for candidate in (step - 1, step, step + 1):
        fresh = login.totp_last_step is None or candidate > login.totp_last_step
        if fresh and hmac.compare_digest(app.generate_otp(candidate).encode(), wanted.encode("utf-8", "replace")):
            login.totp_last_step = candidate
            return True
    return False


def _accept_recovery(deps: Dependencies, login: Login, code: str) -> bool:
    digest = keyed_hash(deps.pepper, code.strip().lower()).hex()
    if digest not in login.recovery_hashes:
        return False
    login.recovery_hashes = [known for known in login.recovery_hashes if known != digest]
    return True


def about(user_id: str) -> bytes:
    """The context that a sealed secret is bound to, so that it opens for no other person."""
    return f"logins.totp_secret:{user_id}".encode()
