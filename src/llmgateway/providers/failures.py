"""What all languages share in naming failures: the status where no word says more, sentences, and when to come back."""

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
    """The kind that a status alone tells; a proxy between us and the provider says no more."""
    return _BY_STATUS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.BAD_REQUEST)


def kind_of_sentence(said: str, sentences: Iterable[tuple[str, FailureKind]]) -> FailureKind | None:
    """The kind of the first of these words that the provider's sentence holds; None when it holds none."""
    low = said.lower()
    return next((kind for words, kind in sentences if words in low), None)


def error_object(body: bytes) -> Json:
    """The body when it is a JSON object, else an empty one."""
    return read_object(body) or {}


def shown(body: bytes) -> str:
    """The beginning of a body that has no known shape, to be shown as it is."""
    return body[:_SHOWN].decode(errors="replace").strip()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds until the provider wants to be asked again; it may say so as seconds, milliseconds or a date."""
    value, millis = headers.get("retry-after", "").strip(), headers.get("retry-after-ms", "")
    if not value and (thousandths := seconds(millis)) is not None:
        return thousandths / 1000
    return _until(value) if (plain := seconds(value)) is None else plain


def seconds(given: str) -> float | None:
    """A number of seconds; None for anything else, also for what lies behind us."""
    try:
        number = float(given)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _until(date: str) -> float | None:
    """Seconds until an HTTP date; None when it is none."""
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, TypeError):
        return None
    now = datetime.now(at.tzinfo or UTC)
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp())
