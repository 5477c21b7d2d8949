"""nginx in front of several gateways: it sends requests only to those whose /readyz says so, as any balancer should."""

import os
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 0.3
"""Between two looks at /readyz; well under LLMGATEWAY_DRAIN_DELAY, so that nobody is sent to a door that closes."""

_KEPT = 64
"""Idle connections to replicas that nginx keeps; it leaves them a quarter of a minute before a replica would."""

_CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log error; {user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/upstreams.conf;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        client_max_body_size 26m;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $http_host;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_buffering off;                 # a stream is handed on as it comes
        proxy_request_buffering off;
        proxy_connect_timeout 2s;
        proxy_read_timeout 660s;             # longer than the gateway's longest answer
        proxy_next_upstream error timeout;   # what was already sent is never sent twice: it may be billed
        location = /metrics {{ return 404; }}     # for Prometheus only, which asks the replicas themselves
        location /v1/ {{ proxy_pass http://data; }}
        location / {{ proxy_pass http://control; }}
    }}
}}
"""


class NoBalancerError(Exception):
    """nginx is not installed, or does not start."""


class Balancer:
    """One nginx, and the thread that looks after its list."""

    def __init__(self, folder: Path, port: int, groups: Mapping[str, Mapping[str, int]]) -> None:
        """`groups`: role (`data`, `control`) -> name of a replica -> its port."""
        self.port = port
        self._folder = folder
        self._groups = groups
        self._shown: dict[str, list[int]] = {}
        self._stop = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Generator[None]:
        """Nginx for as long as the block lasts. Raises NoBalancerError."""
        command = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
        if command is None:
            raise NoBalancerError("nginx is not installed: apt-get install nginx")
        self._write(self._ready())
        (self._folder / "nginx.conf").write_text(
            _CONFIGURATION.format(
                folder=self._folder,
                port=self.port,
                user="user root;" if os.geteuid() == 0 else "",
            )
        )
        arguments = [command, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        nginx = subprocess.Popen([*arguments, "-e", "stderr"], start_new_session=True)
        watcher = threading.Thread(target=self._watch, args=(arguments, nginx), daemon=True)
        try:
            self._await()
            watcher.start()
            yield
        finally:
            self._stop.set()
            if watcher.is_alive():
                watcher.join()
            nginx.terminate()
            nginx.wait(30)

    def _await(self) -> None:
        for _ in range(200):
            if _answers(f"{self.url}/healthz"):
                return
            time.sleep(0.05)
        raise NoBalancerError(f"nginx does not answer on {self.url}")

    def _watch(self, arguments: list[str], nginx: subprocess.Popen[bytes]) -> None:
        while not self._stop.wait(LOOK_SECONDS) and nginx.poll() is None:
            ready = self._ready()
            if ready != self._shown:
                self._write(ready)
                subprocess.run([*arguments, "-e", "stderr", "-s", "reload"], check=False)

    def _ready(self) -> dict[str, list[int]]:
        return {
            role: [port for port in replicas.values() if _answers(f"http://127.0.0.1:{port}/readyz")]
            for role, replicas in self._groups.items()
        }

    def _write(self, ready: dict[str, list[int]]) -> None:
        """The list of who gets requests; were it empty, all would, so that nginx has somebody to ask."""
        self._shown = ready
        blocks = list[str]()
        for role, replicas in self._groups.items():
            servers = "".join(f" server 127.0.0.1:{port};" for port in ready[role] or replicas.values())
            blocks.append(f"upstream {role} {{ least_conn;{servers} keepalive {_KEPT}; }}\n")
        (self._folder / "upstreams.conf").write_text("".join(blocks))


def _answers(url: str) -> bool:
    """Whether somebody says 200 there."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status == 200
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
