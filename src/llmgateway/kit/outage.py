"""Something that is asked again and again and may be away: the log hears when that begins and when it ends, not each time."""

import structlog

log = structlog.get_logger()


class Outage:
    """One thing that may be away."""

    def __init__(self, begins: str, ends: str, **about: str) -> None:
        """What is said at the beginning and at the end; `about` goes with both."""
        self._begins = begins
        self._ends = ends
        self._about = about
        self._lasts = False

    def goes_on(self, error: BaseException) -> None:
        """It was away when it was asked."""
        if not self._lasts:
            log.warning(self._begins, reason=str(error) or type(error).__name__, **self._about)
        self._lasts = True

    def is_over(self) -> None:
        """It answered."""
        if self._lasts:
            log.info(self._ends, **self._about)
        self._lasts = False
