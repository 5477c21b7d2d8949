"""The private PostgreSQL of the embedded default: its whole life is ours.

One process owns the server, by a lock. Commands beside it are guests: they attach and never stop it, and the owner waits for
them before it does. A server left over from a `kill -9` is adopted. It listens on a Unix socket only.
"""

import os
import re
import secrets
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from llmgateway.db.locks import Lock, take
from llmgateway.db.postgres_binaries import MAJOR, ROOT_HOME, Binaries, find_binaries
from llmgateway.errors import ConfigurationError

_LONGEST_SOCKET: Final = 100
"""Bytes; the system's limit is 107 for the whole path."""
_PORT: Final = 5432
"""Part of the socket's name, and nothing else."""
_USER: Final = "llmgateway"
_ENTER_SECONDS: Final = 30.0
_GUESTS_SECONDS: Final = 10.0
_PAUSE_SECONDS: Final = 0.05
_SERVED_BY_ANOTHER: Final = (
    "Another `llmgateway serve` runs with this data directory. Stop it, set LLMGATEWAY_DATA_DIR to another folder, or set "
    "DATABASE_URL to let several share one database."
)
_SILENT: Final = (
    "Another llmgateway process owns this data directory, but its database does not answer. Stop it and try again."
)
_PROCESSES: Final = Path("/proc")
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
    """Where one installation's data, socket and locks lie."""

    home: Path
    sockets: Path
    binaries: Binaries

    @property
    def data(self) -> Path:
        """PGDATA."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """What the server last complained of."""
        return self.home / "server.log"

    @property
    def owner_lock(self) -> Path:
        """Held alone, by the one who starts and stops the server."""
        return self.home / "owner.lock"

    @property
    def guests_lock(self) -> Path:
        """Shared by all who use a server that is not theirs."""
        return self.home / "guests.lock"

    @property
    def url(self) -> str:
        """For SQLAlchemy with asyncpg. The port is given so that PGPORT of somebody's shell is not."""
        return f"postgresql+asyncpg://{_USER}@/postgres?host={quote(str(self.sockets))}&port={_PORT}"

    def ready(self) -> bool:
        """Whether it takes connections."""
        return self.binaries.run("pg_isready", "-h", str(self.sockets), "-p", str(_PORT), "-q").returncode == 0


@contextmanager
def embedded_postgres(data_dir: Path, *, serving: bool = False) -> Generator[str]:
    """Own the server, or be a guest of the process that does; yields its URL.

    A process that serves must own it, so that no short command takes it away. Raises ConfigurationError, one sentence, when
    it cannot run.
    """
    try:
        cluster = _find_cluster(data_dir)
        lock, owner = _enter(cluster, serving=serving)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot be set up:{where} {error.strerror}. Set LLMGATEWAY_DATA_DIR to a folder that "
            "can be written, or DATABASE_URL to a PostgreSQL of your own."
        ) from error
    with lock:
        if not owner:
            yield cluster.url
            return
        try:
            _start(cluster)
            yield cluster.url
        finally:
            _stop(cluster)


def cluster_home(data_dir: Path) -> Path:
    """Where a data directory's cluster lies: in it, or for root outside, under a name that the data directory keeps.

    Raises ConfigurationError when that name is none.
    """
    return ROOT_HOME / "clusters" / _cluster_id(data_dir) if os.geteuid() == 0 else data_dir / "postgres"


def _find_cluster(data_dir: Path) -> Cluster:
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_writable(data_dir)
    except OSError as error:
        raise ConfigurationError(
            f"The data directory {data_dir} cannot be written: {error.strerror}. Set LLMGATEWAY_DATA_DIR to one that can."
        ) from error
    binaries = find_binaries()
    home = cluster_home(data_dir)
    if binaries.user is not None:
        home.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    _make_private(home, binaries)
    sockets = home / "socket"
    if len(os.fsencode(sockets / f".s.PGSQL.{_PORT}")) >= _LONGEST_SOCKET:
        sockets = _short_sockets(data_dir, binaries)
    else:
        _make_private(sockets, binaries)
    return Cluster(home, sockets, binaries)


def _check_writable(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder):
        pass


def _make_private(folder: Path, binaries: Binaries) -> None:
    """A folder for the server's user alone. Nothing that exists changes owner or mode."""
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        if binaries.user is not None:
            os.chown(folder, binaries.user, binaries.user)


def _cluster_id(data_dir: Path) -> str:
    """The name of this installation's cluster, made once, whoever comes first."""
    note = data_dir / "cluster"
    if not note.exists():
        draft = data_dir / f"cluster.{secrets.token_hex(8)}"
        draft.write_text(f"{secrets.token_hex(8)}\n", "utf-8")
        with suppress(FileExistsError):
            note.hardlink_to(draft)
        draft.unlink()
    name = note.read_text("utf-8").strip()
    if re.fullmatch(r"[0-9a-f]{16}", name) is None:
        raise ConfigurationError(
            f"{note} holds no cluster's name. Restore it, or remove it to begin with an empty one."
        )
    return name


def _short_sockets(data_dir: Path, binaries: Binaries) -> Path:
    """A private folder with a short name, noted so that commands find it."""
    note = data_dir / "socket"
    with suppress(FileNotFoundError):
        known = Path(note.read_text("utf-8").strip())
        if _is_private(known, binaries):
            return known
    folder = Path(tempfile.mkdtemp(prefix="lgw-"))
    if binaries.user is not None:
        os.chown(folder, binaries.user, binaries.user)
    draft = data_dir / f"socket.{secrets.token_hex(8)}"
    draft.write_text(f"{folder}\n", "utf-8")
    draft.replace(note)
    return folder


def _is_private(folder: Path, binaries: Binaries) -> bool:
    """Still ours: the temporary folder is everybody's, and may have been emptied and filled by others."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    owner = os.geteuid() if binaries.user is None else binaries.user
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and stat.S_IMODE(found.st_mode) == 0o700


def _enter(cluster: Cluster, *, serving: bool) -> tuple[Lock, bool]:
    """The lock as owner (True) or as guest of a server that is ready (False)."""
    deadline = time.monotonic() + _ENTER_SECONDS
    while True:
        if (lock := take(cluster.owner_lock)) is not None:
            return lock, True
        if not serving and (lock := _as_guest(cluster)) is not None:
            return lock, False
        if time.monotonic() > deadline:
            raise ConfigurationError(_SERVED_BY_ANOTHER if serving else _SILENT)
        time.sleep(_PAUSE_SECONDS)


def _as_guest(cluster: Cluster) -> Lock | None:
    """The lock that guests share, where the owner's server is ready."""
    lock = take(cluster.guests_lock, shared=True)
    if lock is None or cluster.ready():
        return lock
    lock.release()
    return None


def _start(cluster: Cluster) -> None:
    if not cluster.data.exists():
        _initialise(cluster)
    _check_major(cluster)
    if _left_over(cluster):
        return
    options = f"-k {_quoted(cluster.sockets)} -h '' -p {_PORT}"
    done = cluster.binaries.run(
        "pg_ctl", "-D", str(cluster.data), "-l", str(cluster.log), "-w", "-t", "60", "-o", options, "start"
    )
    if done.returncode != 0:
        raise ConfigurationError(
            f"The embedded PostgreSQL does not start; {cluster.log} says why: {_last_line(cluster.log)}"
        )


def _quoted(path: Path) -> str:
    """For the shell that pg_ctl hands its options to."""
    return "'" + str(path).replace("'", "'\\''") + "'"


def _left_over(cluster: Cluster) -> bool:
    """Whether a server of ours survived its owner and answers: then it is adopted. What else is left of one is cleared."""
    if cluster.ready():
        return True
    pid = _server_pid(cluster)
    if pid is None or not _PROCESSES.exists():
        return False
    if pid in _processes_of(cluster):
        # Alive without its socket, or frozen: it is ended. What was committed is in the database's own log.
        cluster.binaries.run("pg_ctl", "-D", str(cluster.data), "-m", "immediate", "-w", "-t", "10", "stop")
    for orphan in _processes_of(cluster):
        with suppress(ProcessLookupError):
            os.kill(orphan, signal.SIGKILL)
    while _processes_of(cluster):
        time.sleep(_PAUSE_SECONDS)
    # None of ours lives, so the notes are stale, whoever has their number after a reboot or in a new container.
    for note in (cluster.data / "postmaster.pid", cluster.sockets / f".s.PGSQL.{_PORT}.lock"):
        note.unlink(missing_ok=True)
    return False


def _server_pid(cluster: Cluster) -> int | None:
    try:
        return int((cluster.data / "postmaster.pid").read_text("utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _processes_of(cluster: Cluster) -> list[int]:
    """The living processes of our server: each works in its data directory."""
    data = cluster.data.resolve()
    found = list[int]()
    for process in _PROCESSES.glob("[0-9]*"):
        with suppress(OSError):  # not ours to look at, dead, or gone meanwhile
            if (process / "cwd").readlink() == data:
                found.append(int(process.name))
    return found


def _initialise(cluster: Cluster) -> None:
    """Complete or not at all: a crash in the middle leaves only a draft."""
    draft = cluster.home / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    done = cluster.binaries.run(
        "initdb", "-D", str(draft), "-U", _USER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"
    )
    if done.returncode != 0:
        raise ConfigurationError(
            f"The embedded PostgreSQL cannot be set up: {' '.join(done.stderr.split())[-300:]}. "
            "Set DATABASE_URL to use one of your own."
        )
    with (draft / "postgresql.conf").open("a") as file:
        file.write(_SETTINGS)
    draft.rename(cluster.data)


def _check_major(cluster: Cluster) -> None:
    found = (cluster.data / "PG_VERSION").read_text("utf-8").strip()
    if found != str(MAJOR):
        raise ConfigurationError(
            f"{cluster.data} was made by PostgreSQL {found}, this version brings {MAJOR}. Dump it with PostgreSQL {found} "
            f"(`pg_dumpall -h {cluster.sockets} -U {_USER} > dump.sql`), move the folder away, start once, and restore with "
            f"`psql -h {cluster.sockets} -U {_USER} postgres < dump.sql`."
        )


def _stop(cluster: Cluster) -> None:
    """Once the guests have left. One that stays keeps the server; the next owner adopts it."""
    deadline = time.monotonic() + _GUESTS_SECONDS
    guests = take(cluster.guests_lock)
    while guests is None and time.monotonic() < deadline:
        time.sleep(_PAUSE_SECONDS)
        guests = take(cluster.guests_lock)
    if guests is None:
        return
    with guests:
        if _server_pid(cluster) is not None:
            cluster.binaries.run("pg_ctl", "-D", str(cluster.data), "-m", "fast", "-w", "-t", "30", "stop")


def _last_line(log: Path) -> str:
    try:
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError:
        return "no log was written"
    return re.sub(r"\s+", " ", lines[-1]) if lines else "no log was written"
