"""GET /metrics of a running gateway: who may read it, and that it tells what happened."""

import re
from pathlib import Path

import httpx2
import pytest

from llmgateway.dataplane.observe.figures import FIGURES
from tests.e2e.conftest import Stage
from tests.e2e.gateway import run_gateway

pytestmark = pytest.mark.slow


def _page(url: str, **headers: str) -> str:
    answer = httpx2.get(f"{url}/metrics", headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return answer.text


def _value(page: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", page, re.MULTILINE)
    return float(found[1]) if found else 0.0


def _ask(stage: Stage, model: str, *, key: str | None = None, stream: bool = False) -> httpx2.Response:
    return httpx2.post(
        f"{stage.gateway.url}/v1/chat/completions",
        json={"model": model, "stream": stream, "messages": [{"role": "user", "content": "Hi"}]},
        headers={"authorization": f"Bearer {key or stage.gateway.key}"},
        timeout=20,
    )


def test_every_figure_is_declared_on_the_page(stage: Stage) -> None:
    page = _page(stage.gateway.url)
    for figure in FIGURES:
        family = figure.name
        assert f"# HELP {family} " in page
        assert f"# TYPE {family} {figure.kind}" in page


def test_requests_attempts_and_refusals_are_counted(stage: Stage) -> None:
    before = _page(stage.gateway.url)
    assert _ask(stage, "resilient").status_code == 200
    assert _ask(stage, "openai/status-503").status_code == 503
    assert _ask(stage, "nobody/knows").status_code == 404
    assert _ask(stage, "openai/echo", key="lgw_live_wrong0000000000000000").status_code == 401
    after = _page(stage.gateway.url)

    def grown(sample: str) -> float:
        return _value(after, sample) - _value(before, sample)

    finished = 'llmgateway_requests_total{model="other",operation="chat",outcome="finished",provider="anthropic"}'
    assert grown(finished) == 1
    assert grown('llmgateway_attempts_total{outcome="ok",provider="anthropic"}') == 1
    assert grown('llmgateway_attempts_total{outcome="connection",provider="broken"}') >= 1
    assert grown('llmgateway_failures_total{code="upstream_failed",status="503"}') == 1
    assert grown('llmgateway_refusals_total{code="model_not_found"}') == 1
    assert grown('llmgateway_refusals_total{code="invalid_api_key"}') == 1
    assert grown("llmgateway_rescues_total") == 1
    assert grown("llmgateway_own_seconds_count") == 2
    assert _value(after, "llmgateway_requests_running") == 0
    assert _value(after, 'llmgateway_store_up{store="postgresql"}') == 1
    assert _value(after, "llmgateway_ready") == 1
    assert _value(after, "llmgateway_resident_memory_bytes") > 1e7
    assert _value(after, "llmgateway_disk_free_bytes") > 0


def test_a_stream_tells_its_first_token(stage: Stage) -> None:
    sample = 'llmgateway_first_token_seconds_count{model="other",provider="openai"}'
    before = _value(_page(stage.gateway.url), sample)
    assert _ask(stage, "openai/echo", stream=True).status_code == 200
    assert _value(_page(stage.gateway.url), sample) == before + 1


def test_a_proxy_speaks_for_the_world(stage: Stage) -> None:
    answer = httpx2.get(f"{stage.gateway.url}/metrics", headers={"x-forwarded-for": "203.0.113.9"}, timeout=20)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "address_denied"
    assert "LLMGATEWAY_METRICS_TOKEN" in answer.json()["error"]["message"]


def test_the_token_opens_it_to_others(tmp_path: Path) -> None:
    with run_gateway(tmp_path / "data", LLMGATEWAY_METRICS_TOKEN="look-at-me") as gateway:
        behind = {"x-forwarded-for": "203.0.113.9"}
        assert "llmgateway_build_info" in _page(gateway.url, authorization="Bearer look-at-me", **behind)
        wrong = {"authorization": "Bearer guessed", **behind}
        assert httpx2.get(f"{gateway.url}/metrics", headers=wrong, timeout=20).status_code == 401
        assert httpx2.get(f"{gateway.url}/metrics", headers=behind, timeout=20).status_code == 403
        assert "llmgateway_build_info" in _page(gateway.url)
