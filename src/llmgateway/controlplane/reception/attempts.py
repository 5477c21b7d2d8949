"""Limits of what may be tried: by strangers, on one account, from one address."""

import hashlib
import math
from collections.abc import Sequence

from llmgateway.errors import TooMany
from llmgateway.kit.ids import new_id
from llmgateway.kit.store import Store, Window, room_after

_STRANGERS_A_MINUTE = 300


async def note_stranger(store: Store, address: str) -> None:
    """One request without a valid login. Raises TooMany when an address makes too many."""
    await attempt(store, (Window(f"strangers:{address}", 60, _STRANGERS_A_MINUTE),), "requests without a login")


async def note_login(store: Store, email: str, address: str) -> None:
    """One attempt to log in. Raises TooMany."""
    account = hashlib.sha256(email.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    windows = (
        Window(f"login:{account}:{address}", 900, 10),
        Window(f"login:{account}", 3_600, 100),
        Window(f"logins:{address}", 900, 200),
    )
    await attempt(store, windows, "attempts to log in")


async def note_code(store: Store, user_id: str) -> None:
    """One attempt at a one-time code or a current password. Raises TooMany."""
    await attempt(store, (Window(f"code:{user_id}", 900, 10),), "attempts")


async def note_mail(store: Store, email: str, address: str) -> None:
    """One mail that a stranger asks for. Raises TooMany."""
    account = hashlib.sha256(email.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    windows = (Window(f"mail:{account}", 3_600, 10), Window(f"mails:{address}", 3_600, 500))
    await attempt(store, windows, "requests for mail")


async def attempt(store: Store, windows: Sequence[Window], what: str) -> None:
    """Count one attempt in all windows. Raises TooMany with the time to wait."""
    ticket = new_id("try")
    verdict = await store.admit(ticket, "attempts", windows)
    if verdict.admitted:
        await store.settle(ticket, {})
        return
    waits = [room_after(windows[place], verdict.readings[place], verdict.now) for place in verdict.refused]
    seconds = max(1, math.ceil(max((wait for wait in waits if wait is not None), default=60)))
    raise TooMany(f"Too many {what}. Try again in {seconds} s.", retry_after=seconds)
