"""Waiting until something holds, without a guess how long it takes."""

import time
from collections.abc import Callable


def becomes(look: Callable[[], object], wanted: object, *, seconds: float = 90) -> None:
    """Look again and again; fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"still {seen}, not {wanted}"
        time.sleep(0.5)
