"""Prefixed, time-ordered ids: `req_01jd...`, a UUIDv7 in lower-case Crockford base 32.

The first 48 bits are the Unix time in milliseconds, so ids sort by creation and carry their own date (RFC 9562).
"""

import os
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_AS_DIGITS = str.maketrans(_ALPHABET, "0123456789abcdefghijklmnopqrstuv")
"""A translation from Crockford's digits to those that `int` reads."""
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""The two digits of each ten-bit number."""
_LENGTH = 26
_TIME_LENGTH = 10
"""Digits of the 48 bits of time: 50 bits, of which the first two are always 0."""
_DIGITS = bytes(ord(_ALPHABET[byte & 0b11111]) for byte in range(256))
"""From random bytes to random digits."""
_VERSIONED = bytes(ord(_ALPHABET[0b01110 | byte & 1]) for byte in range(256))
_VARIED = bytes(ord(_ALPHABET[0b01000 | byte & 0b10011]) for byte in range(256))
"""The two random digits that also hold the version, 7, and the variant, binary 10."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def new_id(prefix: str, now: datetime | None = None) -> str:
    """Make an id such as `req_01jd...`; `now` (aware) dates it, else the machine's time does."""
    millis = time.time_ns() // 1_000_000 if now is None else (now - _EPOCH) // _MILLISECOND
    early = _PAIRS[millis >> 40 & 1023] + _PAIRS[millis >> 30 & 1023] + _PAIRS[millis >> 20 & 1023]
    dated = early + _PAIRS[millis >> 10 & 1023] + _PAIRS[millis & 1023]
    noise = os.urandom(_LENGTH - _TIME_LENGTH)
    digits = bytearray(noise.translate(_DIGITS))
    digits[0], digits[3] = _VERSIONED[noise[0]], _VARIED[noise[3]]
    return f"{prefix}_{dated}{digits.decode('ascii')}"


def id_uuid(identifier: str) -> UUID:
    """The UUID inside a prefixed id. Raises ValueError when it holds none."""
    return UUID(int=int(_digits_of(identifier), 32))


def id_time(identifier: str) -> datetime:
    """When the id was made, to the millisecond. Raises ValueError when it is no id, or of a year beyond what a date can hold."""
    try:
        return _EPOCH + int(_digits_of(identifier)[:_TIME_LENGTH], 32) * _MILLISECOND
    except OverflowError as error:
        raise ValueError(f"not an id: {identifier!r}") from error


def is_id(identifier: str, prefix: str) -> bool:
    """Whether the text is an id with this prefix."""
    if not identifier.startswith(f"{prefix}_"):
        return False
    try:
        id_uuid(identifier)
    except ValueError:
        return False
    return True


def _digits_of(identifier: str) -> str:
    """The part after the prefix, in digits that `int` reads. Raises ValueError when it is no id."""
    _, _, text = identifier.rpartition("_")
    if len(text) != _LENGTH or text[0] > "7" or text.strip(_ALPHABET):
        raise ValueError(f"not an id: {identifier!r}")
    return text.translate(_AS_DIGITS)
