"""Silence before the first content: keepalives go out, failover goes on behind them, and a failure becomes an event."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.beside import beside
from tests.e2e.gateway import Gateway, run_gateway
from tests.upstreams.misbehaving import misbehaving
from tests.upstreams.wires import WORDS

pytestmark = pytest.mark.slow

WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])
CALLERS = pytest.mark.parametrize(
    ("wire", "path", "sign", "end"),
    [
        ("openai", "/v1/chat/completions", ": keepalive\n\n", "data: [DONE]"),
        ("anthropic", "/v1/chat/completions", ": keepalive\n\n", "data: [DONE]"),
        ("openai", "/v1/messages", "event: ping\n", "event: message_stop"),
        ("anthropic", "/v1/messages", "event: ping\n", "event: message_stop"),
        ("anthropic", "/v1/responses", ": keepalive\n\n", "event: response.completed"),
    ],
)
"""A provider's wire, the endpoint that is asked, its keepalive, and how its streams end."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with beside(misbehaving()) as provider:
        aliases = "".join(
            f"""
  {wire}.late:
    timeouts: {{first_token: 1}}
    targets:
      - {{provider: {wire}, model: opened-late}}
      - {{provider: {wire}, model: good-late}}
  {wire}.mute:
    timeouts: {{first_token: 1, total: 2}}
    targets:
      - {{provider: {wire}, model: silent-first}}
      - {{provider: {wire}, model: silent-second}}
  {wire}.slow_to_start:
    targets:
      - {{provider: {wire}, model: thinking}}
  {wire}.pausing:
    targets:
      - {{provider: {wire}, model: pausing}}
"""
            for wire in ("openai", "anthropic")
        )
        config = f"""
providers:
  openai: {{api_key: sk-up, base_url: {provider.url}/v1}}
  anthropic: {{api_key: sk-up, base_url: {provider.url}}}
defaults: {{keepalive: 0.3}}
models:{aliases}"""
        with run_gateway(tmp_path_factory.mktemp("keepalives"), config) as gateway:
            yield gateway


def _ask(gateway: Gateway, model: str, path: str, *, stream: bool = True) -> httpx2.Response:
    content = {"input": "Go"} if path.endswith("responses") else {"messages": [{"role": "user", "content": "Go"}]}
    limit = {"max_tokens": 500} if path.endswith("messages") else {}
    headers = {"authorization": f"Bearer {gateway.key}"}
    body = {"model": model, "stream": stream, **content, **limit}
    return httpx2.post(gateway.url + path, json=body, headers=headers, timeout=40)


def _words(text: str) -> int:
    return sum(f'"{word}"' in text for word in WORDS)


@CALLERS
def test_behind_keepalives_the_next_target_still_answers(
    gateway: Gateway, wire: str, path: str, sign: str, end: str
) -> None:
    response = _ask(gateway, f"{wire}.late", path)
    assert response.status_code == 200
    assert response.text.startswith(sign)
    assert _words(response.text) == len(WORDS)
    assert end in response.text
    assert "x-llmgateway-provider" not in response.headers, "it was not known when the headers went out"
    event = gateway.usage(response.headers["x-request-id"])
    assert (event["outcome"], event["served_model"]) == ("finished", "good-late")


@CALLERS
def test_behind_keepalives_a_failure_is_an_event(gateway: Gateway, wire: str, path: str, sign: str, end: str) -> None:
    response = _ask(gateway, f"{wire}.mute", path)
    assert response.status_code == 200
    assert response.text.startswith(sign)
    assert '"upstream_failed"' in response.text
    assert end not in response.text
    event = gateway.usage(response.headers["x-request-id"])
    assert (event["outcome"], event["cost_usd"]) == ("failed", "0.000000000")


@CALLERS
def test_the_last_target_may_think_as_long_as_it_likes(
    gateway: Gateway, wire: str, path: str, sign: str, end: str
) -> None:
    response = _ask(gateway, f"{wire}.slow_to_start", path)
    assert response.text.startswith(sign)
    assert response.text.count(sign) >= 2
    assert _words(response.text) == len(WORDS)
    assert end in response.text


@CALLERS
def test_an_answer_that_pauses_is_kept_alive(gateway: Gateway, wire: str, path: str, sign: str, end: str) -> None:
    response = _ask(gateway, f"{wire}.pausing", path)
    first, last = (response.text.index(f'"{word}"') for word in (WORDS[0], WORDS[-1]))
    assert sign in response.text[first:last]
    assert _words(response.text) == len(WORDS)
    assert end in response.text


def test_who_asks_the_sandbox_for_a_timeout_hears_nothing(gateway: Gateway) -> None:
    headers = {"authorization": f"Bearer {gateway.new_key('--test')}", "x-llmgateway-fault": "timeout"}
    body = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "Go"}]}
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=2)


@WIRES
def test_who_waits_for_a_whole_answer_gets_no_keepalive(gateway: Gateway, wire: str) -> None:
    response = _ask(gateway, f"{wire}.late", "/v1/chat/completions", stream=False)
    assert response.json()["choices"][0]["message"]["content"] == "".join(WORDS)
