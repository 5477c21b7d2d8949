"""The response cache as callers meet it: the same question again costs nothing, in any dialect, streamed or not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anthropic
import httpx2
import pytest

from tests.architecture.source import ROOT
from tests.e2e.conftest import Stage
from tests.e2e.gateway import Json

ASK: list[Json] = [{"role": "user", "content": "Cache me"}]
PAGE = (ROOT / "docs" / "concepts" / "caching.md").read_text("utf-8")
ON = {"x-llmgateway-cache": "60"}


@pytest.fixture
def ask(stage: Stage) -> Iterator[httpx2.Client]:
    headers = {"authorization": f"Bearer {stage.gateway.key}"}
    with httpx2.Client(base_url=stage.gateway.url, headers=headers, timeout=20) as client:
        yield client


def _chat(ask: httpx2.Client, text: str, headers: dict[str, str] = ON, **more: object) -> httpx2.Response:
    body = {"model": "openai/echo", "messages": [{"role": "user", "content": text}], **more}
    return ask.post("/v1/chat/completions", json=body, headers=headers)


def test_the_same_question_again_is_a_hit_that_costs_nothing(stage: Stage, ask: httpx2.Client) -> None:
    asked = len(stage.provider.bodies)
    first, second = _chat(ask, "twice"), _chat(ask, "twice")
    assert len(stage.provider.bodies) == asked + 1
    assert [response.headers["x-llmgateway-cache"] for response in (first, second)] == ["miss", "hit"]
    assert second.headers["x-llmgateway-cost-usd"] == "0.000000000"
    assert first.json()["choices"] == second.json()["choices"]
    assert first.json()["usage"] == second.json()["usage"]
    assert first.json()["id"] != second.json()["id"]
    event = stage.gateway.usage(second.headers["x-request-id"])
    assert (event["cache"], event["cost_usd"], event["outcome"]) == ("hit", "0.000000000", "finished")
    assert (event["provider"], event["served_model"], event["attempts"]) == ("openai", "echo", [])


def test_without_being_switched_on_nothing_is_kept(stage: Stage, ask: httpx2.Client) -> None:
    asked = len(stage.provider.bodies)
    responses = [_chat(ask, "plain", {}) for _ in range(2)]
    assert {response.headers["x-llmgateway-cache"] for response in responses} == {"bypass"}
    assert len(stage.provider.bodies) == asked + 2


def test_no_store_and_no_cache_are_honoured(ask: httpx2.Client) -> None:
    stored = [_chat(ask, "never", {**ON, "cache-control": "no-store"}).headers["x-llmgateway-cache"] for _ in range(2)]
    assert stored == ["bypass", "bypass"]
    fresh = [_chat(ask, "fresh", {**ON, "cache-control": "no-cache"}).headers["x-llmgateway-cache"] for _ in range(2)]
    assert fresh == ["bypass", "bypass"]
    assert _chat(ask, "fresh").headers["x-llmgateway-cache"] == "hit"
    kept_out = [_chat(ask, "private", {**ON, "x-llmgateway-retention": "none"}) for _ in range(2)]
    assert {response.headers["x-llmgateway-cache"] for response in kept_out} == {"bypass"}


@pytest.mark.parametrize("first", [True, False], ids=["streamed_first", "whole_first"])
@pytest.mark.parametrize("model", ["openai/echo", "anthropic/echo", "gemini/echo"])
def test_streams_and_whole_answers_serve_each_other(
    stage: Stage, ask: httpx2.Client, model: str, *, first: bool
) -> None:
    asked = len(stage.provider.bodies)
    texts = list[str]()
    for stream in (first, not first):
        options: Json = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
        response = _chat(ask, f"both {first}", model=model, **options)
        if not stream:
            texts.append(response.json()["choices"][0]["message"]["content"])
            continue
        events: list[Json] = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
        choices: list[Json] = [choice for event in events for choice in event["choices"]]
        texts.append("".join(choice["delta"].get("content") or "" for choice in choices))
        assert events[-1]["usage"]["completion_tokens"] > 0
        assert choices[-1]["finish_reason"] == "stop"
        assert response.text.endswith("data: [DONE]\n\n")
    assert texts == ["Hello from upstream"] * 2
    assert len(stage.provider.bodies) == asked + 1


@pytest.mark.parametrize("model", ["anthropic/echo", "openai/echo"])
def test_anthropics_callers_hit_too(stage: Stage, model: str) -> None:
    client = anthropic.Anthropic(base_url=stage.gateway.url, api_key=stage.gateway.key, default_headers=ON)
    asked = len(stage.provider.bodies)
    first = client.messages.create(model=model, max_tokens=50, messages=[{"role": "user", "content": "again, Claude"}])
    second = client.messages.create(model=model, max_tokens=50, messages=[{"role": "user", "content": "again, Claude"}])
    with client.messages.stream(
        model=model, max_tokens=50, messages=[{"role": "user", "content": "again, Claude"}]
    ) as stream:
        streamed = stream.get_final_message()
    assert len(stage.provider.bodies) == asked + 1
    assert [block.text for m in (first, second, streamed) for block in m.content if block.type == "text"] == [
        "Hello from upstream"
    ] * 3
    assert first.stop_reason == second.stop_reason == streamed.stop_reason == "end_turn"


def test_tool_calls_are_kept_whole(ask: httpx2.Client) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    body: Json = {"model": "openai/tool", "messages": ASK, "tools": [tool]}
    first = ask.post("/v1/chat/completions", json=body, headers=ON).json()
    again = ask.post("/v1/chat/completions", json={**body, "stream": True}, headers=ON)
    assert again.headers["x-llmgateway-cache"] == "hit"
    events = [json.loads(line[6:]) for line in again.text.splitlines() if line.startswith("data: {")]
    calls = [c for e in events for choice in e["choices"] for c in choice["delta"].get("tool_calls", [])]
    assert calls[0]["function"] == first["choices"][0]["message"]["tool_calls"][0]["function"]


def test_failures_and_cut_streams_are_never_kept(ask: httpx2.Client) -> None:
    for _ in range(2):
        body = {"model": "openai/status-400", "messages": ASK}
        assert ask.post("/v1/chat/completions", json=body, headers=ON).headers["x-llmgateway-cache"] == "miss"
        cut = {"model": "openai/cut", "messages": ASK, "stream": True}
        assert ask.post("/v1/chat/completions", json=cut, headers=ON).headers["x-llmgateway-cache"] == "miss"


def test_equal_questions_at_the_same_time_are_one_upstream_call(stage: Stage, ask: httpx2.Client) -> None:
    asked = len(stage.provider.bodies)
    with ThreadPoolExecutor(10) as pool:
        waiting = [pool.submit(_chat, ask, "all at once") for _ in range(10)]
        responses = [future.result() for future in waiting]
    assert len(stage.provider.bodies) == asked + 1
    assert sorted(response.headers["x-llmgateway-cache"] for response in responses) == ["hit"] * 9 + ["miss"]
    assert len({response.headers["x-request-id"] for response in responses}) == 10


def test_embeddings_are_kept(stage: Stage, ask: httpx2.Client) -> None:
    asked = len(stage.provider.bodies)
    body = {"model": "openai/echo", "input": "vector", "encoding_format": "float"}
    answers = [ask.post("/v1/embeddings", json=body, headers=ON).json()["data"] for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(stage.provider.bodies) == asked + 1


@pytest.mark.parametrize(
    "version",
    [{}, {"anthropic-version": "2023-06-01"}, {"anthropic-version": "2026-10-21"}],
    ids=["unsaid", "usual", "newer"],
)
def test_a_plain_question_is_shared_between_dialects(stage: Stage, ask: httpx2.Client, version: dict[str, str]) -> None:
    asked = len(stage.provider.bodies)
    said: list[Json] = [{"role": "user", "content": f"in any {version}"}]
    body: Json = {"model": "openai/echo", "max_tokens": 50, "messages": said}
    message = ask.post("/v1/messages", json=body, headers={**ON, **version})
    chat = ask.post("/v1/chat/completions", json=body, headers=ON)
    assert [response.headers["x-llmgateway-cache"] for response in (message, chat)] == ["miss", "hit"]
    assert message.json()["content"][0]["text"] == chat.json()["choices"][0]["message"]["content"]
    assert len(stage.provider.bodies) == asked + 1


def test_another_key_of_the_organisation_hits_and_a_test_key_never_looks(stage: Stage, ask: httpx2.Client) -> None:
    assert _chat(ask, "shared").headers["x-llmgateway-cache"] == "miss"
    colleague, tester = stage.gateway.new_key(), stage.gateway.new_key("--test")
    said = [
        _chat(ask, "shared", {**ON, "authorization": f"Bearer {key}"}).headers["x-llmgateway-cache"]
        for key in (colleague, tester)
    ]
    assert said == ["hit", "bypass"]


def test_a_hit_gives_its_tokens_back_and_keeps_its_place_in_the_rate(stage: Stage, ask: httpx2.Client) -> None:
    own = {**ON, "authorization": f"Bearer {stage.gateway.new_key('--tpm', '1000', '--rpm', '4')}"}
    assert _chat(ask, "tokens", own, max_tokens=600).headers["x-llmgateway-cache"] == "miss"
    again = [_chat(ask, "tokens", own, max_tokens=600) for _ in range(4)]
    assert [response.headers.get("x-llmgateway-cache") for response in again[:3]] == ["hit"] * 3
    assert [response.status_code for response in again] == [200, 200, 200, 429]


def test_the_pages_example_is_true(stage: Stage) -> None:
    blocks = dict[str, str](re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    done = subprocess.run(
        [sys.executable, "-c", blocks["python"]],
        env={**os.environ, "LLMGATEWAY_URL": stage.gateway.url, "LLMGATEWAY_API_KEY": stage.gateway.key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (blocks["text"], "")
    file = stage.gateway.data_dir / "page.yaml"
    file.write_text(blocks["yaml"].replace("${OPENAI_API_KEY}", "sk-any"), "utf-8")
    stage.gateway.command("config", "check", "--config", str(file))
