"""A data key per owner, wrapped by a master key. Destroying the wrapped key destroys all that it sealed."""

import os
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from llmgateway.kit.crypto import CannotOpen, MasterKeys

_NONCE_BYTES: Final = 12
_KEY_BITS: Final = 256
_KEPT_OPEN: Final = 4096


class Vault:
    """Seals and opens under data keys. `owner` and `about` (whose, and where it is kept) must be the same to open."""

    def __init__(self, masters: MasterKeys) -> None:
        self._masters = masters
        self._unwrapped = lru_cache(_KEPT_OPEN)(self._unwrap)

    def new_key(self, owner: str) -> bytes:
        """A fresh data key, wrapped."""
        return self._masters.seal(AESGCM.generate_key(_KEY_BITS), _about_key(owner))

    def rewrapped(self, wrapped: bytes, owner: str) -> bytes:
        """The same data key under the newest master key. Raises CannotOpen."""
        if self._masters.is_newest(wrapped):
            return wrapped
        return self._masters.seal(self._masters.open(wrapped, _about_key(owner)), _about_key(owner))

    def seal(self, wrapped: bytes, owner: str, about: str, plain: bytes) -> bytes:
        """The sealed bytes: nonce and ciphertext. Raises CannotOpen."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._unwrapped(wrapped, owner).encrypt(nonce, plain, _about(owner, about))

    def open(self, wrapped: bytes, owner: str, about: str, sealed: bytes) -> bytes:
        """The plain bytes. Raises CannotOpen."""
        key = self._unwrapped(wrapped, owner)
        try:
            return key.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _about(owner, about))
        except (InvalidTag, ValueError) as error:  # a ValueError for what was cut short
            raise CannotOpen("changed, or from another place") from error

    def _unwrap(self, wrapped: bytes, owner: str) -> AESGCM:
        return AESGCM(self._masters.open(wrapped, _about_key(owner)))


def _about_key(owner: str) -> bytes:
    return f"organisations.data_key:{owner}".encode()


def _about(owner: str, about: str) -> bytes:
    return f"{owner}:{about}".encode()
