"""Rules for what people type in: e-mail addresses, passwords and names; the same wherever they are entered."""

import re
from typing import Final

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 200
LONGEST_ADDRESS: Final = 254
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069]")
"""Characters that nobody can see: controls, lone surrogates, and marks that change the direction of writing."""
_NO_ADDRESS: Final = (*'<>(),;:"\\', "=?")
"""Marks with a meaning in mail headers, and the beginning of an encoded word, which may decode to any of them."""


def plain(value: str) -> str:
    """The text, if it holds no control characters. Raises ValueError."""
    if _CONTROLS.search(value):
        raise ValueError("must not hold control characters")
    return value


def mail_address(value: str) -> str:
    """The e-mail address in lower case. Raises ValueError."""
    address = value.strip().lower()
    local, at, domain = address.rpartition("@")
    if not at or not local or "." not in f"{domain}." or " " in address or not address.isprintable() or "@" in local:
        raise ValueError("must be an e-mail address")
    if not domain or domain.startswith(".") or ".." in domain or any(mark in address for mark in _NO_ADDRESS):
        raise ValueError("must be an e-mail address")
    if len(address) > LONGEST_ADDRESS:
        raise ValueError(f"must have at most {LONGEST_ADDRESS} characters")
    return address


def new_password(value: str) -> str:
    """The password, if its length allows it to be chosen. Raises ValueError."""
    if not SHORTEST_PASSWORD <= len(value) <= LONGEST_PASSWORD:
        raise ValueError(f"must have {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return plain(value)
