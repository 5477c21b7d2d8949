"""Passwords: argon2id in a bounded pool of threads, so that a wave of logins cannot take the machine."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from pwdlib import PasswordHash

_THREADS: Final = 2
"""Each hash takes 64 MiB and a tenth of a second; more than these wait."""
NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$A8nABKXtHkoLXvkUjjRvdA$SonwmR7BMPchQEPqMBykmHTxgfb+2+KD/sctYR9c4WE"
"""The hash of a random password that nobody kept, checked in place of an unknown user's."""


class Passwords:
    """Hashes and checks passwords. A check for an unknown user takes as long as any other."""

    def __init__(self, threads: int = _THREADS) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._hasher = PasswordHash.recommended()

    async def hash(self, password: str) -> str:
        """The hash to keep."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._hasher.hash, password)

    async def matches(self, password: str, hashed: str | None) -> bool:
        """Whether the password has this hash. For None a random hash is checked, and the answer is no."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._check, password, hashed)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _check(self, password: str, hashed: str | None) -> bool:
        return self._hasher.verify(password, hashed or NOBODY) and hashed is not None


async def hashed_once(password: str) -> str:
    """The hash of one password, for commands that have no pool."""
    passwords = Passwords(1)
    try:
        return await passwords.hash(password)
    finally:
        passwords.close()
