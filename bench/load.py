"""Load: wrk drives one server over HTTP, and what it saw comes back as numbers."""

import json
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from bench.canned import Request
from bench.machine import LOAD, CannotMeasureError, Server, find, pinned

REPORT = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("\\nREPORT %d %d %d %f %f\\n", summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50), latency:percentile(99)))
end
"""

IN_TURN = """
request = function()
  place = place % #keys + 1
  wrk.headers["authorization"] = "Bearer " .. keys[place]
  return wrk.format()
end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """CPU of the server's own process a request; its database's is not in it."""


@dataclass(frozen=True, slots=True)
class Client:
    """A caller with one kind of request and perhaps a key."""

    request: Request
    key: str
    folder: Path
    others: tuple[str, ...] = ()
    """Keys to take in turn instead of the one."""

    def check(self, server: Server, expected: str) -> None:
        """One request, whose answer must hold the expected text. Raises CannotMeasureError."""
        try:
            with urllib.request.urlopen(self.asked_of(server), timeout=30) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise CannotMeasureError(f"{self.request.path} answered {error.code}: {error.read().decode()}") from error
        if expected not in text:
            raise CannotMeasureError(f"{self.request.path} answered without {expected!r}: {text[:500]}")

    def asked_of(self, server: Server) -> urllib.request.Request:
        """One request, for Python's own client."""
        return urllib.request.Request(
            server.url + self.request.path, self.request.body.encode(), self._headers(), method="POST"
        )

    def run(self, server: Server, *, connections: int, seconds: float) -> Load:
        """Ask again and again on that many connections. Raises CannotMeasureError when an answer was not a 2xx."""
        cpu = server.cpu_seconds()
        process = self.start(server, connections=connections, seconds=seconds)
        output, _ = process.communicate()
        cpu = server.cpu_seconds() - cpu
        report = next((line.split() for line in output.splitlines() if line.startswith("REPORT")), None)
        if report is None:
            raise CannotMeasureError(f"wrk gave no report:\n{output}")
        requests, microseconds, errors = int(report[1]), int(report[2]), int(report[3])
        if errors or not requests:
            raise CannotMeasureError(f"{errors} of {requests} requests failed:\n{output}")
        p50, p99 = float(report[4]) / 1e3, float(report[5]) / 1e3
        return Load(requests / microseconds * 1e6, p50, p99, cpu / requests * 1e6)

    def start(self, server: Server, *, connections: int, seconds: float) -> subprocess.Popen[str]:
        """The same in the background."""
        script = self.folder / "load.lua"
        lines = ['wrk.method = "POST"', f"wrk.body = {_lua(self.request.body)}"]
        lines += [f"wrk.headers[{_lua(name)}] = {_lua(value)}" for name, value in self._headers().items()]
        if self.others:
            keys = ", ".join(map(_lua, self.others))
            lines += [f"local keys, place = {{ {keys} }}, 0", IN_TURN]
        script.write_text("\n".join(lines) + REPORT)
        command = [find("wrk"), "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s"]
        command += ["-s", str(script), server.url + self.request.path]
        return subprocess.Popen(pinned(LOAD, command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", "authorization": f"Bearer {self.key}", **self.request.headers}
        return headers | ({"anthropic-version": "2023-06-01"} if "messages" in self.request.path else {})


def _lua(text: str) -> str:
    return json.dumps(text)


@dataclass(frozen=True, slots=True)
class Streaming:
    """What streams cost."""

    streams: int
    chunks_per_second: float
    cpu_share: float
    """Of one core."""
    microseconds_per_chunk: float
    gap_ms: float
    """Between two chunks of one more stream, the 99th percentile; 20 ms when nothing waits."""


def stream(client: Client, server: Server, pacer: Server, *, streams: int, seconds: float) -> Streaming:
    """Hold that many streams open, and see what a chunk costs the server in CPU. Raises CannotMeasureError."""
    _await_silence(pacer)
    process = client.start(server, connections=streams, seconds=2 * seconds + 1)
    try:
        time.sleep(min(2.0, seconds / 2))
        began, cpu, frames = time.monotonic(), server.cpu_seconds(), _frames(pacer)
        gap = _gap_ms(client.asked_of(server), seconds)
        lasted = time.monotonic() - began
        cpu, frames = server.cpu_seconds() - cpu, _frames(pacer) - frames
    finally:
        process.terminate()
        process.communicate()
    if not frames:
        raise CannotMeasureError("no frame was streamed")
    return Streaming(streams, frames / lasted, cpu / lasted, cpu / frames * 1e6, gap)


def _gap_ms(asked: urllib.request.Request, seconds: float) -> float:
    """Read one stream after the other for that long, and see how evenly its chunks come."""
    deadline, gaps = time.monotonic() + seconds, list[float]()
    while time.monotonic() < deadline:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            before = 0.0
            for line in answer:
                if line.startswith(b"data:"):
                    now = time.monotonic()
                    gaps += [now - before] if before else []
                    before = now
                if time.monotonic() > deadline:
                    break
    return sorted(gaps)[int(0.99 * len(gaps))] * 1000 if gaps else 0.0


def _frames(pacer: Server) -> int:
    with urllib.request.urlopen(f"{pacer.url}/frames", timeout=10) as answer:
        return int(answer.read())


def _await_silence(pacer: Server) -> None:
    """Let streams of an earlier measurement end, whether their client is gone or not."""
    before = -1
    while (now := _frames(pacer)) != before:
        before = now
        time.sleep(0.2)
