"""The folder in which the processes of a crew keep their figures: made for one crew, and gone with it.

A crew that was killed cannot take its own away; the next one does. The lock on `owner` tells whether somebody is left.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_PREFIX: Final = "llmgateway-figures-"
_OWNER: Final = "owner"


@contextmanager
def shared_figures(root: Path | None = None) -> Generator[Path]:
    """A new folder below the root, which is the one for temporary files."""
    root = root or Path(tempfile.gettempdir())
    for folder in root.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or gone by now
            _remove_if_dead(folder)
    with tempfile.TemporaryDirectory(prefix=_PREFIX, dir=root) as made:
        lock = os.open(Path(made) / _OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield Path(made)
        finally:
            os.close(lock)


def _remove_if_dead(folder: Path) -> None:
    """Raises OSError when it is in use, not ours, or not one of these folders."""
    if folder.lstat().st_uid != os.getuid():
        return
    lock = os.open(folder / _OWNER, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder)
    finally:
        os.close(lock)
