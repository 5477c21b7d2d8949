"""Hours and days of UTC: how long they are and where they begin, of moments in any zone; and how a moment is written."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


def hour_of(moment: datetime) -> datetime:
    """Where the moment's hour begins."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def midnight(moment: datetime) -> datetime:
    """Where the moment's day begins."""
    return hour_of(moment).replace(hour=0)


def up_to_hour(moment: datetime) -> datetime:
    """Where the next hour begins; the moment itself when one begins with it."""
    begin = hour_of(moment)
    return begin if begin == moment else begin + HOUR


def up_to_midnight(moment: datetime) -> datetime:
    """Where the next day begins; the moment itself when one begins with it."""
    begin = midnight(moment)
    return begin if begin == moment else begin + DAY


def begin_of(day: date) -> datetime:
    """Where a day begins."""
    return datetime.combine(day, time(), UTC)


def text_of(moment: datetime) -> str:
    """The moment in UTC as the API writes it: ISO 8601 with a `Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
