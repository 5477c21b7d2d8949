"""Passwords: their hashes are slow to make, and none is made that is not needed."""

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from llmgateway.kit.passwords import NOBODY, Passwords, hashed_once

ASKED = "correct horse battery"


def test_the_hash_of_nobody_takes_as_long_to_check_as_any_other() -> None:
    hasher = PasswordHash.recommended()
    assert not hasher.current_hasher.check_needs_rehash(NOBODY)


async def test_only_what_is_asked_for_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hash takes a tenth of a second of every start."""
    hashed = list[str | bytes]()
    original = Argon2Hasher.hash

    def counted(self: Argon2Hasher, password: str | bytes, *, salt: bytes | None = None) -> str:
        hashed.append(password)
        return original(self, password, salt=salt)

    monkeypatch.setattr(Argon2Hasher, "hash", counted)
    kept = await hashed_once(ASKED)
    passwords = Passwords()
    assert await passwords.matches(ASKED, kept)
    assert not await passwords.matches(ASKED, None)
    passwords.close()
    assert hashed == [ASKED]
