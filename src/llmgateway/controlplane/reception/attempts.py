"""Rate limits of attempts that need no session: logins, one-time codes, mails; by account and by client address."""

import hashlib
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from llmgateway.errors import TooMany
from llmgateway.kit.addresses import neighbourhood
from llmgateway.kit.ids import new_id
from llmgateway.kit.store import Store, Window, room_after

_STRANGERS_A_MINUTE = 300
_HASHES_A_MINUTE = 120
"""Logins from one address, right ones too: hashing a password is costly in any case."""


@dataclass(slots=True)
class CountedAttempt:
    """An attempt that is being made."""

    forgiven: bool = False
    """Set to True when it succeeded, so that it does not count against the limits."""


async def note_unauthenticated(store: Store, address: str) -> None:
    """Count a request without a valid login. Raises TooMany when its address has made too many this minute."""
    windows = (Window(f"strangers:{neighbourhood(address)}", 60, _STRANGERS_A_MINUTE),)
    await _note(store, windows, "requests without a login")


@asynccontextmanager
async def login_attempt(store: Store, email: str, address: str) -> AsyncGenerator[CountedAttempt]:
    """Count an attempt to log in, unless it is forgiven. Raises TooMany."""
    account, place = _account(email), neighbourhood(address)
    await _note(store, (Window(f"hashes:{place}", 60, _HASHES_A_MINUTE),), "logins")
    windows = (
        Window(f"login:{account}:{place}", 900, 10),
        Window(f"login:{account}", 3_600, 100),
        Window(f"logins:{place}", 900, 200),
    )
    async with _counted(store, windows, "attempts to log in") as attempt:
        yield attempt


async def note_code(store: Store, user_id: str) -> None:
    """Count an attempt at a one-time code or a current password. Raises TooMany."""
    await _note(store, (Window(f"code:{user_id}", 900, 10),), "attempts")


async def note_mail(store: Store, email: str, address: str) -> None:
    """Count a mail that somebody asks for. Raises TooMany."""
    windows = (Window(f"mail:{_account(email)}", 3_600, 10), Window(f"mails:{neighbourhood(address)}", 3_600, 500))
    await _note(store, windows, "requests for mail")


def _account(email: str) -> str:
    return hashlib.sha256(email.encode("utf-8", "surrogateescape")).hexdigest()[:24]


async def _note(store: Store, windows: Sequence[Window], what: str) -> None:
    async with _counted(store, windows, what):
        pass


@asynccontextmanager
async def _counted(store: Store, windows: Sequence[Window], what: str) -> AsyncGenerator[CountedAttempt]:
    """Count an attempt in all windows before it is made. Raises TooMany, with the seconds to wait, when one is full."""
    ticket = new_id("try")
    verdict = await store.admit(ticket, "attempts", windows)
    if not verdict.admitted:
        waits = [room_after(windows[place], verdict.readings[place], verdict.now) for place in verdict.refused]
        seconds = max(1, math.ceil(max((wait for wait in waits if wait is not None), default=60)))
        raise TooMany(f"Too many {what}. Try again in {seconds} s.", retry_after=seconds)
    attempt = CountedAttempt()
    try:
        yield attempt
    finally:
        await store.settle(ticket, {window.key: 0 for window in windows} if attempt.forgiven else {})
