"""Folders for gateways that are started once and thrown away: local topologies, benches, tests.

As root the embedded PostgreSQL keeps a data directory's cluster elsewhere (ADR 0004), some 50 MB: it has to go as well.
"""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from llmgateway.db.embedded import cluster_home


@contextmanager
def throwaway_folder(purpose: str) -> Generator[Path]:
    """A temporary folder that the embedded PostgreSQL and nginx can enter as other users; nothing is left of it."""
    with tempfile.TemporaryDirectory(prefix=f"{purpose}-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            yield folder
        finally:
            remove_clusters(folder)


def remove_clusters(folder: Path) -> None:
    """The clusters that root keeps for the data directories below a folder. Their servers must have ended."""
    for note in folder.rglob("cluster"):
        if note.is_file():
            shutil.rmtree(cluster_home(note.parent), ignore_errors=True)
