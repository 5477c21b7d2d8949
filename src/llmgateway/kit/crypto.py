"""Sealing secrets: AES-256-GCM under one of several master keys, whose id travels with the text."""

import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_ID_BYTES = 8
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """None of the master keys opens this, or it was changed."""


class MasterKeys:
    """The master keys of an installation. The newest one seals, every one opens."""

    def __init__(self, secrets: Sequence[str]) -> None:
        if not secrets:
            raise ValueError("at least one master key is needed")
        keys = [hashlib.sha256(b"llmgateway master key\0" + secret.encode()).digest() for secret in secrets]
        self._keys = {hashlib.sha256(key).digest()[:_ID_BYTES]: AESGCM(key) for key in reversed(keys)}
        self._newest = hashlib.sha256(keys[0]).digest()[:_ID_BYTES]

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """The sealed bytes: key id, nonce and ciphertext. `about` (whose they are, and where) must be the same to open them."""
        nonce = os.urandom(_NONCE_BYTES)
        return self._newest + nonce + self._keys[self._newest].encrypt(nonce, plain, about)

    def is_newest(self, sealed: bytes) -> bool:
        """Whether the newest key sealed it; if not, it should be sealed again."""
        return sealed[:_ID_BYTES] == self._newest

    def open(self, sealed: bytes, about: bytes) -> bytes:
        """The plain bytes. Raises CannotOpen."""
        key = self._keys.get(sealed[:_ID_BYTES])
        nonce = sealed[_ID_BYTES : _ID_BYTES + _NONCE_BYTES]
        if key is None:
            raise CannotOpen("sealed under a master key that is not among LLMGATEWAY_SECRET_KEY")
        try:
            return key.decrypt(nonce, sealed[_ID_BYTES + _NONCE_BYTES :], about)
        except (InvalidTag, ValueError) as error:  # a ValueError for what was cut short
            raise CannotOpen("changed, or from another place") from error


def keyed_hash(pepper: bytes, secret: str) -> bytes:
    """HMAC-SHA-256 of a secret: what is stored in its place."""
    return hmac.digest(pepper, secret.encode("utf-8", "surrogateescape"), "sha256")
