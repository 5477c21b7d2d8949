"""A real Prometheus reads a gateway under a little load: every panel shows something, and an alert reaches its receiver."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from bench.machine import LOAD, free_port, serving
from deploy.grafana.boards import BOARDS
from tests.architecture.source import ROOT
from tests.e2e.conftest import Stage

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        shutil.which("prometheus") is None, reason="NOT TRIED: Debian's prometheus is not installed (make packages)"
    ),
]
Json = dict[str, Any]
DEPLOY = ROOT / "deploy"


@contextmanager
def _prometheus(folder: Path, targets: list[str], alertmanager: str = "") -> Generator[str]:
    """The shipped configuration, hurried, and with other addresses."""
    config: Json = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text("utf-8"))
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    job = config["scrape_configs"][0]
    token = folder / "token"
    token.write_text("none-is-set")
    job["authorization"]["credentials_file"] = str(token)
    job["static_configs"] = [{"targets": targets}]
    config["scrape_configs"] = [job]
    if alertmanager:
        config["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    else:
        del config["alerting"]
    rules = folder / "rules"
    rules.mkdir()
    for file in (DEPLOY / "prometheus" / "rules").glob("*.yml"):
        hurried = re.sub(r"^(\s+for:) .*$", r"\1 0s", file.read_text("utf-8"), flags=re.MULTILINE)
        (rules / file.name).write_text(hurried)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with serving(command, port, core=LOAD, ready="/-/ready", log=folder / "prometheus.log") as server:
        yield server.url


@pytest.fixture(scope="module")
def prometheus(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    target = stage.gateway.url.removeprefix("http://")
    with _prometheus(tmp_path_factory.mktemp("prometheus"), [target]) as url:
        yield url


def _query(url: str, expression: str) -> list[Json]:
    answer = httpx2.get(f"{url}/api/v1/query", params={"query": expression}, timeout=20)
    assert answer.status_code == 200, f"{expression}: {answer.text}"
    found: list[Json] = answer.json()["data"]["result"]
    return [sample for sample in found if sample["value"][1] != "NaN"]


def _load(stage: Stage) -> None:
    """A bit of everything: answers, streams, hits, failures, refusals."""
    with httpx2.Client(
        base_url=stage.gateway.url, headers={"authorization": f"Bearer {stage.gateway.key}"}, timeout=20
    ) as client:

        def ask(model: str, *, stream: bool = False, cache: str = "off") -> int:
            body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "Say a few words"}]}
            return client.post("/v1/chat/completions", json=body, headers={"x-llmgateway-cache": cache}).status_code

        assert ask("openai/gpt-4.1") == 200
        assert ask("openai/gpt-4.1", cache="60") == 200
        assert ask("sandbox/chat", stream=True) == 200
        assert ask("openai/echo", stream=True) == 200
        assert ask("resilient") == 200
        assert ask("openai/status-503") == 503
        assert ask("nobody/knows") == 404
        assert client.get("/api/v1/public/settings").status_code == 200


def _eventually(look: Callable[[], list[Json]], seconds: float = 60) -> list[Json]:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def test_every_panel_shows_something(stage: Stage, prometheus: str) -> None:
    """Two rounds of load with scrapes between, because a rate needs two samples."""
    assert _eventually(lambda: _query(prometheus, 'up{job="llmgateway"} == 1'))
    queries = {(board.title, panel.title): list(panel.queries) for board in BOARDS for panel in board.panels}
    silent = dict[tuple[str, str], str]()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        _load(stage)
        time.sleep(2)
        silent = {
            where: query
            for where, expressions in queries.items()
            for query in expressions
            if not _query(prometheus, query.replace("$__rate_interval", "1m"))
        }
        if not silent:
            break
    assert silent == {}


def test_the_dashboards_are_what_grafana_provisions() -> None:
    """Each file is a dashboard of its own, over the one data source, no panel over another."""
    sources = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text("utf-8"))
    uids = {source["uid"] for source in sources["datasources"]}
    files = sorted((DEPLOY / "grafana/dashboards").glob("*.json"))
    assert {file.stem for file in files} == {board.uid for board in BOARDS}
    for file in files:
        board: Json = json.loads(file.read_text("utf-8"))
        assert board["uid"] == file.stem
        taken = set[tuple[int, int]]()
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] in uids
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, f"{file.name}: {panel['title']}"
            assert place["x"] + place["w"] <= 24
            taken |= cells


class _Receiver(HTTPServer):
    """Takes what Alertmanager sends."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.taken = list[Json]()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        assert isinstance(self.server, _Receiver)
        self.server.taken.append(json.loads(self.rfile.read(size)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Say nothing."""


@contextmanager
def _receiver() -> Generator[_Receiver]:
    with _Receiver() as receiver:
        thread = threading.Thread(target=receiver.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


@pytest.mark.skipif(
    shutil.which("prometheus-alertmanager") is None,
    reason="NOT TRIED: Debian's prometheus-alertmanager is not installed (make packages)",
)
def test_alertmanager_delivers_an_alert(tmp_path: Path) -> None:
    """A gateway that is not there is told to the receiver, with its runbook."""
    config: Json = yaml.safe_load((DEPLOY / "alertmanager" / "alertmanager.yml").read_text("utf-8"))
    config["route"]["routes"][0]["group_wait"] = "0s"
    port, nobody = free_port(), free_port()
    with _receiver() as receiver:
        for one in config["receivers"]:  # Debian's is older than `url_file`, which keeps the address a secret
            one["webhook_configs"] = [{"url": f"http://127.0.0.1:{receiver.server_port}/"}]
        (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(config))
        command = ["prometheus-alertmanager", f"--config.file={tmp_path}/alertmanager.yml"]
        command += [f"--storage.path={tmp_path}/alerts", f"--web.listen-address=127.0.0.1:{port}"]
        command += ["--cluster.listen-address="]
        with (
            serving(command, port, core=LOAD, ready="/-/ready", log=tmp_path / "alertmanager.log"),
            _prometheus(tmp_path, [f"127.0.0.1:{nobody}"], f"127.0.0.1:{port}"),
        ):
            taken = _eventually(lambda: receiver.taken)
    alerts = [alert for message in taken for alert in message["alerts"]]
    assert ("GatewayDown", "page") in {(one["labels"]["alertname"], one["labels"]["severity"]) for one in alerts}
    assert {one["annotations"]["runbook_url"] for one in alerts} == {"docs/operate/alerts/gateway-down.md"}
