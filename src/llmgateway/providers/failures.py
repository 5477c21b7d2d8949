"""Reads errors, shared by all languages: the kind by status or by words of the message, and the time until a retry."""

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final

from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind
from llmgateway.providers.lenient_json import read_object

_BY_STATUS: Final[Mapping[int, FailureKind]] = MappingProxyType(
    {
        401: FailureKind.AUTH,
        402: FailureKind.BILLING,
        403: FailureKind.AUTH,
        404: FailureKind.NOT_FOUND,
        408: FailureKind.TIMEOUT,
        429: FailureKind.RATE_LIMITED,
        503: FailureKind.OVERLOADED,
        504: FailureKind.TIMEOUT,
        529: FailureKind.OVERLOADED,
    }
)
_SHOWN: Final = 2_000


def kind_of_status(status: int) -> FailureKind:
    """The kind of failure by its HTTP status alone, as of a proxy before the provider that says nothing else."""
    return _BY_STATUS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.BAD_REQUEST)


def kind_of_sentence(said: str, sentences: Iterable[tuple[str, FailureKind]]) -> FailureKind | None:
    """The kind of the first entry whose words the message holds, in any case of letters; None when it holds none."""
    low = said.lower()
    return next((kind for words, kind in sentences if words in low), None)


def error_object(body: bytes) -> Json:
    """The body when it is a JSON object, else an empty one."""
    return read_object(body) or {}


def shown(body: bytes) -> str:
    """The first 2,000 bytes of a body of unknown shape, as the message of an error."""
    return body[:_SHOWN].decode(errors="replace").strip()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the provider may be asked again, from `retry-after` (seconds or a date) or `retry-after-ms`; None without."""
    value, millis = headers.get("retry-after", "").strip(), headers.get("retry-after-ms", "")
    if not value and (thousandths := seconds(millis)) is not None:
        return thousandths / 1000
    return _until(value) if (plain := seconds(value)) is None else plain


def seconds(given: str) -> float | None:
    """The text as a number of seconds, 0 or more; None for anything else."""
    try:
        number = float(given)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str) -> float | None:
    """Seconds until an HTTP date, at least 0; None when it is no date."""
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    now = datetime.now(at.tzinfo or UTC)
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
