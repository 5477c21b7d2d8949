"""The private PostgreSQL of the embedded default: its whole life is ours.

One process owns the server, by a lock on DATA_DIR/postgres.lock; commands beside it attach and never stop it. A server left
over from a `kill -9` is adopted. It listens on a Unix socket only.
"""

import fcntl
import os
import re
import secrets
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from llmgateway.db.postgres_binaries import MAJOR, ROOT_HOME, Binaries, find_binaries
from llmgateway.errors import ConfigurationError

_LONGEST_SOCKET: Final = 100
"""Bytes; the system's limit is 107 for the whole path."""
_SOCKET: Final = ".s.PGSQL.5432"
_USER: Final = "llmgateway"
_SETTINGS: Final = """
listen_addresses = ''
max_connections = 100
shared_buffers = 64MB
wal_level = minimal
max_wal_senders = 0
log_min_messages = fatal
log_destination = 'stderr'
logging_collector = off
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where one installation's data and socket lie."""

    data: Path
    sockets: Path

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg."""
        return f"postgresql+asyncpg://{_USER}@/postgres?host={quote(str(self.sockets))}"


@contextmanager
def embedded_postgres(data_dir: Path) -> Generator[str, None, None]:
    """Own the server, or attach to the one that another process owns; yields its URL.

    Raises ConfigurationError, one sentence, when it cannot run.
    """
    lock = _open_lock(data_dir)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        owner = True
    except BlockingIOError:
        owner = False
    try:
        binaries = find_binaries()
        cluster = _cluster(data_dir, binaries)
        if owner:
            _start(cluster, binaries)
        else:
            _wait_for_owner(cluster, binaries)
        yield cluster.url
        if owner:
            binaries.run("pg_ctl", "-D", str(cluster.data), "-m", "fast", "-w", "stop")
    finally:
        os.close(lock)


def _open_lock(data_dir: Path) -> int:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        return os.open(data_dir / "postgres.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"The data directory {data_dir} cannot be written: {error.strerror}. Set LLMGATEWAY_DATA_DIR to one that can."
        ) from error


def _cluster(data_dir: Path, binaries: Binaries) -> Cluster:
    home = data_dir / "postgres" if binaries.user is None else ROOT_HOME / "clusters" / _cluster_id(data_dir)
    sockets = home / "socket"
    if len(str(sockets / _SOCKET).encode()) >= _LONGEST_SOCKET:
        sockets = _short_sockets(data_dir, binaries)
    return Cluster(home / "data", sockets)


def _cluster_id(data_dir: Path) -> str:
    """The name of this installation's cluster, made once."""
    note = data_dir / "cluster"
    with suppress(FileNotFoundError):
        return note.read_text("utf-8").strip()
    name = secrets.token_hex(8)
    note.write_text(name + "\n", "utf-8")
    return name


def _short_sockets(data_dir: Path, binaries: Binaries) -> Path:
    """A private folder with a short name, noted so that commands find it."""
    note = data_dir / "socket"
    with suppress(FileNotFoundError):
        known = Path(note.read_text("utf-8").strip())
        if known.is_dir():
            return known
    folder = Path(tempfile.mkdtemp(prefix="lgw-"))
    if binaries.user is not None:
        os.chown(folder, binaries.user, binaries.user)
    note.write_text(f"{folder}\n", "utf-8")
    return folder


def _start(cluster: Cluster, binaries: Binaries) -> None:
    _prepare(cluster, binaries)
    if not (cluster.data / "PG_VERSION").exists():
        _initialise(cluster, binaries)
    _check_major(cluster)
    if binaries.run("pg_ctl", "-D", str(cluster.data), "status").returncode == 0:
        return  # left over from a kill -9: adopted
    options = f"-k {cluster.sockets} -h ''"
    log = cluster.data / "server.log"
    done = binaries.run("pg_ctl", "-D", str(cluster.data), "-l", str(log), "-w", "-t", "60", "-o", options, "start")
    if done.returncode != 0:
        raise ConfigurationError(f"The embedded PostgreSQL does not start; {log} says why: {_last_line(log)}")


def _prepare(cluster: Cluster, binaries: Binaries) -> None:
    if binaries.user is not None:
        (ROOT_HOME / "clusters").mkdir(parents=True, exist_ok=True, mode=0o755)
    for folder in (cluster.data.parent, cluster.sockets):
        if not folder.exists():
            folder.mkdir(parents=True, mode=0o700)
            if binaries.user is not None:
                os.chown(folder, binaries.user, binaries.user)


def _initialise(cluster: Cluster, binaries: Binaries) -> None:
    done = binaries.run(
        "initdb", "-D", str(cluster.data), "-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"
    )
    if done.returncode != 0:
        raise ConfigurationError(f"The embedded PostgreSQL cannot be set up: {' '.join(done.stderr.split())[-300:]}")
    with (cluster.data / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS)


def _check_major(cluster: Cluster) -> None:
    found = (cluster.data / "PG_VERSION").read_text().strip()
    if found != str(MAJOR):
        raise ConfigurationError(
            f"{cluster.data} was made by PostgreSQL {found}, this version brings {MAJOR}. Dump it with PostgreSQL {found} "
            f"(`pg_dumpall -h {cluster.sockets} -U {_USER} > dump.sql`), move the folder away, start once, and restore with "
            f"`psql -h {cluster.sockets} -U {_USER} postgres < dump.sql`."
        )


def _wait_for_owner(cluster: Cluster, binaries: Binaries) -> None:
    done = binaries.run("pg_isready", "-h", str(cluster.sockets), "-t", "20", "-q")
    if done.returncode not in (0, 1):
        raise ConfigurationError(
            "Another llmgateway process owns this data directory, but its database does not answer. Try again shortly."
        )


def _last_line(log: Path) -> str:
    try:
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return "no log was written"
    return re.sub(r"\s+", " ", lines[-1]) if lines else "no log was written"
