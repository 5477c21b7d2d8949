"""Runs llmgateway under cProfile: `python -m bench.profiled FILE serve ...` writes FILE when it is told to stop."""

import cProfile
import signal
import sys
from types import FrameType

from llmgateway.cli import main


def _leave(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    sys.exit(0)


if __name__ == "__main__":
    target = sys.argv[1]
    sys.argv = ["llmgateway", *sys.argv[2:]]
    profile = cProfile.Profile()
    signal.signal(signal.SIGTERM, _leave)
    try:
        profile.runcall(main)
    finally:
        profile.dump_stats(target)
