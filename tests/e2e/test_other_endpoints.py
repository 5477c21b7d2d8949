"""Completions, rerank, token counts and models: metered by the same pipe as everything else."""

from typing import Any

import httpx2
import openai
import pytest
from anthropic import Anthropic
from openai import OpenAI

from llmgateway.data_wing import ENTRANCES
from tests.e2e.conftest import Stage

pytestmark = pytest.mark.slow

BODIES = {
    "/v1/chat/completions": {"model": "lab/echo", "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/completions": {"model": "lab/echo", "prompt": "Hi"},
    "/v1/embeddings": {"model": "lab/echo", "input": "Hi"},
    "/v1/rerank": {"model": "lab/echo", "query": "Hi", "documents": ["a", "b"]},
    "/v1/responses": {"model": "lab/echo", "input": "Hi"},
    "/v1/messages": {"model": "lab/echo", "max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "/v1/messages/count_tokens": {"model": "lab/echo", "messages": [{"role": "user", "content": "Hi"}]},
}


def test_every_route_has_a_body_here() -> None:
    assert set(BODIES) == set(ENTRANCES)


@pytest.mark.parametrize("path", sorted(ENTRANCES))
def test_no_route_is_unmetered(stage: Stage, path: str) -> None:
    answer = httpx2.post(
        f"{stage.gateway.url}{path}",
        json=BODIES[path],
        headers={"authorization": f"Bearer {stage.gateway.key}"},
        timeout=20,
    )
    assert answer.status_code == 200, answer.text
    event = stage.gateway.usage(answer.headers["x-request-id"])
    assert event["outcome"] == "finished"
    if path != "/v1/messages/count_tokens":
        assert event["provider"] == "lab"
        assert event["prompt_tokens"] > 0


@pytest.mark.parametrize("stream", [False, True])
def test_completions(client: OpenAI, *, stream: bool) -> None:
    answer = client.completions.create(model="openai/echo", prompt="Say hello", stream=stream)
    if isinstance(answer, openai.Stream):
        assert "".join(chunk.choices[0].text for chunk in answer if chunk.choices) == "Hello from upstream"
    else:
        assert answer.choices[0].text == "Hello from upstream"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["anthropic/echo", "gemini/echo"])
def test_who_only_chats_completes_texts_too(client: OpenAI, model: str, *, stream: bool) -> None:
    answer = client.completions.create(model=model, prompt=["Say hello"], max_tokens=20, stream=stream)
    if isinstance(answer, openai.Stream):
        chunks = list(answer)
        assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices) == "Hello from upstream"
        assert {chunk.object for chunk in chunks} == {"text_completion"}
        assert chunks[-1].choices[0].finish_reason == "stop"
    else:
        assert (answer.object, answer.choices[0].text) == ("text_completion", "Hello from upstream")
        assert answer.usage is not None
        assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("asked", [{"echo": True}, {"suffix": "."}, {"logprobs": 2}, {"prompt": ["a", "b"]}])
def test_what_a_chat_cannot_complete_is_refused_by_name(client: OpenAI, asked: dict[str, object]) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.completions.create(model="anthropic/echo", **{"prompt": "Say hello", **asked})  # pyright: ignore[reportArgumentType, reportCallIssue] -- as a caller might
    assert refused.value.code == "unsupported_parameter"
    assert refused.value.param == next(iter(asked))


def test_what_a_chat_cannot_complete_is_left_out_and_named_where_the_caller_allows_it(client: OpenAI) -> None:
    answer = client.completions.with_raw_response.create(
        model="anthropic/echo",
        prompt="Say hello",
        echo=True,
        logprobs=2,
        extra_headers={"x-llmgateway-unsupported": "drop"},
    )
    assert answer.headers["x-llmgateway-dropped-params"] == "echo, logprobs"
    assert answer.parse().choices[0].text == "Hello from upstream"


@pytest.mark.parametrize("model", ["cohere/rerank-v3.5", "voyage/rerank-2.5", "jina/jina-reranker-v2", "lab/echo"])
def test_rerank_has_one_shape_whoever_answers(stage: Stage, model: str) -> None:
    body = {
        "model": model,
        "query": "Which?",
        "documents": ["first", {"text": "second"}, "third"],
        "top_n": 2,
        "return_documents": True,
    }
    headers = {"authorization": f"Bearer {stage.gateway.key}"}
    answer = httpx2.post(f"{stage.gateway.url}/v1/rerank", json=body, headers=headers, timeout=10).json()
    assert [result["index"] for result in answer["results"]] == [1, 0]
    assert [result["document"] for result in answer["results"]] == [{"text": "second"}, {"text": "first"}]
    sent = stage.provider.bodies[-1]
    assert sent.get("top_k" if model.startswith("voyage") else "top_n") == 2
    if model.startswith("cohere"):
        assert sent["documents"] == ["first", "second", "third"]


def test_tokens_are_counted_by_the_provider_or_here(stage: Stage) -> None:
    with Anthropic(api_key=stage.gateway.key, base_url=stage.gateway.url, max_retries=0) as client:
        native = client.messages.count_tokens(model="anthropic/echo", messages=[{"role": "user", "content": "Hi"}])
        assert native.input_tokens == 42
        here = client.messages.count_tokens(model="openai/echo", messages=[{"role": "user", "content": "Hi there"}])
        assert 2 < here.input_tokens < 20


def test_counting_tokens_uses_none_and_costs_nothing_as_with_the_providers(stage: Stage) -> None:
    body = {"model": "anthropic/claude-sonnet-4-5", "messages": [{"role": "user", "content": "Hi"}]}
    headers = {"authorization": f"Bearer {stage.gateway.key}"}
    answer = httpx2.post(f"{stage.gateway.url}/v1/messages/count_tokens", json=body, headers=headers, timeout=10)
    assert answer.json() == {"input_tokens": 42}
    event = stage.gateway.usage(answer.headers["x-request-id"])
    assert (event["provider"], event["outcome"]) == ("anthropic", "finished")
    assert {float(event[name]) for name in ("prompt_tokens", "cost_usd", "charge_usd", "list_cost_usd")} == {0}


def test_models_one_by_one_and_in_anthropics_shape(stage: Stage, client: OpenAI) -> None:
    assert client.models.retrieve("openai/gpt-4.1").id == "openai/gpt-4.1"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")
    with Anthropic(api_key=stage.gateway.key, base_url=stage.gateway.url, max_retries=0) as anthropic:
        listed = {model.id: model for model in anthropic.models.list()}
        found = anthropic.models.retrieve("anthropic/claude-sonnet-4-5")
    assert {model.type for model in listed.values()} == {"model"}
    assert listed["smart"].display_name == "smart"
    assert (found.max_input_tokens, found.max_tokens, found.lifecycle) == (200_000, 64_000, "active")
    assert found == listed["anthropic/claude-sonnet-4-5"]


def test_an_alias_tells_what_all_of_its_targets_can(client: OpenAI) -> None:
    def facts(name: str) -> Any:
        return client.models.retrieve(name).to_dict()["llmgateway"]

    assert facts("openai/gpt-4.1")["prices_usd"]["input_mtok"] == "2"
    one, other, both = facts("openai/gpt-4.1"), facts("anthropic/claude-sonnet-4-5"), facts("frontier")
    assert both["context_window"] == min(one["context_window"], other["context_window"])
    assert both["max_output"] == min(one["max_output"], other["max_output"])
    assert set(both["abilities"]) == set(one["abilities"]) & set(other["abilities"])
    assert both["prices_usd"] is None
    assert facts("smart")["context_window"] is None


def test_a_request_explains_itself_to_the_key_that_made_it(stage: Stage, client: OpenAI) -> None:
    """By an alias that no other test asks: paths that failed lately would stand behind."""
    raw = client.chat.completions.with_raw_response.create(
        model="explained", messages=[{"role": "user", "content": "Hi"}]
    )
    request_id = raw.headers["x-request-id"]
    stage.gateway.usage(request_id)
    headers = {"authorization": f"Bearer {stage.gateway.key}"}
    told = httpx2.get(f"{stage.gateway.url}/v1/requests/{request_id}", headers=headers, timeout=10).json()
    assert [step["target"] for step in told["plan"]] == ["openai/status-502", "lab/status-500", "anthropic/echo"]
    assert [step["why"] for step in told["plan"]] == ["first by priority", "fallback 1", "fallback 2"]
    assert [attempt["outcome"] for attempt in told["attempts"]][-1] == "ok"
    assert (told["provider"], told["prompt_tokens"]) == ("anthropic", 11)
    stranger = {"authorization": f"Bearer {stage.gateway.new_key()}"}
    hidden = httpx2.get(f"{stage.gateway.url}/v1/requests/{request_id}", headers=stranger, timeout=10)
    assert hidden.status_code == 404


@pytest.mark.parametrize("stream", [False, True])
def test_the_service_tier_that_was_served_is_the_price(stage: Stage, *, stream: bool) -> None:
    costs = list[str]()
    for tier in ("default", "priority"):
        body = {"model": "openai/gpt-4.1", "messages": [{"role": "user", "content": "Hi"}]}
        headers = {"authorization": f"Bearer {stage.gateway.key}"}
        asked = {**body, "service_tier": tier, "stream": stream}
        response = httpx2.post(f"{stage.gateway.url}/v1/chat/completions", json=asked, headers=headers, timeout=10)
        costs.append(stage.gateway.usage(response.headers["x-request-id"])["cost_usd"])
    assert costs == ["0.000046000", "0.000080500"]


def test_a_budget_without_room_for_the_wished_service_tier_refuses_it(stage: Stage) -> None:
    """Ten thousand tokens of gpt-4.1 cost 2 cents, and 3.5 by priority."""
    headers = {"authorization": f"Bearer {stage.gateway.new_key('--budget-usd', '0.03')}"}
    words = "word " * 10_000

    def asked(path: str, tier: str, **body: object) -> httpx2.Response:
        body |= {"model": "openai/gpt-4.1", "service_tier": tier}
        return httpx2.post(f"{stage.gateway.url}/v1/{path}", json=body, headers=headers, timeout=10)

    messages = [{"role": "user", "content": words}]
    assert asked("chat/completions", "default", messages=messages).status_code == 200
    for refused in (
        asked("chat/completions", "priority", messages=messages),
        asked("responses", "priority", input=words),
    ):
        assert (refused.status_code, refused.json()["error"]["code"]) == (402, "budget_exceeded")
    assert asked("chat/completions", "default", messages=messages).status_code == 200
