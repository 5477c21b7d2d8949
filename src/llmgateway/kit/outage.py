"""Logs the beginning and the end of an outage of something that is asked again and again, not every failed attempt."""

import structlog

log = structlog.get_logger()


class Outage:
    """The outages of one thing."""

    def __init__(self, begins: str, ends: str, **about: str) -> None:
        """`begins` and `ends` are the messages that are logged; `about` goes with both."""
        self._begins = begins
        self._ends = ends
        self._about = about
        self._lasts = False

    def goes_on(self, error: BaseException) -> None:
        """An attempt failed."""
        if not self._lasts:
            log.warning(self._begins, reason=str(error) or type(error).__name__, **self._about)
        self._lasts = True

    def is_over(self) -> None:
        """An attempt succeeded."""
        if self._lasts:
            log.info(self._ends, **self._about)
        self._lasts = False
