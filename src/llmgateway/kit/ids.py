"""Prefixed, time-ordered ids: `req_01jd...`, a UUIDv7 in lower-case Crockford base 32.

The first 48 bits are the Unix time in milliseconds, so ids sort by creation and carry their own date (RFC 9562).
"""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_AS_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""From Crockford's letters to those that `int` reads."""
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Ten bits at a time."""
_LENGTH = 26
_TIME_LENGTH = 10
"""Digits of the 48 bits of time: 50 bits, of which the first two are always 0."""
_VERSION_AND_VARIANT = (0x7 << 76) | (0b10 << 62)
_RANDOM_A_MASK = 0xFFF << 64
_RANDOM_B_MASK = (1 << 62) - 1
_UUID_BITS = 128
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_id(prefix: str, now: datetime | None = None) -> str:
    """Make an id such as `req_01jd...`; `now` (aware) dates it, else the machine's time does."""
    millis = time.time_ns() // 1_000_000 if now is None else (now - _EPOCH) // _MILLISECOND
    random = int.from_bytes(os.urandom(10))
    value = (millis << 80) | _VERSION_AND_VARIANT | (random & _RANDOM_A_MASK) | (random & _RANDOM_B_MASK)
    return f"{prefix}_{_encode(value)}"


def id_uuid(identifier: str) -> UUID:
    """The UUID inside a prefixed id. Raises ValueError when it holds none."""
    _, _, text = identifier.rpartition("_")
    if len(text) != _LENGTH or text[0] > "7" or text.strip(_ALPHABET):
        raise ValueError(f"not an id: {identifier!r}")
    return UUID(int=int(text.translate(_AS_DIGITS), 32))


def id_time(identifier: str) -> datetime:
    """When the id was made, to the millisecond. Raises ValueError when it is none."""
    _, _, text = identifier.rpartition("_")
    if len(text) != _LENGTH or text[0] > "7" or text.strip(_ALPHABET):
        raise ValueError(f"not an id: {identifier!r}")
    return _EPOCH + int(text[:_TIME_LENGTH].translate(_AS_DIGITS), 32) * _MILLISECOND


def is_id(identifier: str, prefix: str) -> bool:
    """Whether the text is an id with this prefix."""
    if not identifier.startswith(f"{prefix}_"):
        return False
    try:
        id_uuid(identifier)
    except ValueError:
        return False
    return True


def _encode(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])
