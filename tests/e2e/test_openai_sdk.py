"""The official `openai` package as a client, unchanged but for base URL and key, against three providers' wires."""

import json
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletionToolParam

from tests.e2e.conftest import Stage
from tests.e2e.wires import COMPLETION_TOKENS, PIXEL, PROMPT_TOKENS, WIRES
from tests.upstreams.server import AZURE_FILTERED

pytestmark = pytest.mark.slow

TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@pytest.mark.parametrize("wire", WIRES)
def test_chat_and_what_it_cost(stage: Stage, client: OpenAI, wire: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model=f"{wire}/echo", messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    )
    answer = raw.parse()
    assert answer.choices[0].message.content == "Hello from upstream"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == PROMPT_TOKENS[wire]
    assert answer.usage.completion_tokens == COMPLETION_TOKENS[wire]
    assert raw.headers["x-llmgateway-provider"] == wire
    assert raw.headers["x-llmgateway-cache"] == "bypass"
    event = stage.gateway.usage(raw.headers["x-request-id"])
    assert (event["outcome"], event["usage_source"]) == ("finished", "provider")
    assert event["prompt_tokens"] == PROMPT_TOKENS[wire]
    assert event["completion_tokens"] == COMPLETION_TOKENS[wire]


@pytest.mark.parametrize("wire", WIRES)
def test_stream_without_usage_unless_it_was_asked_for(client: OpenAI, wire: str) -> None:
    stream = client.chat.completions.create(
        model=f"{wire}/echo", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello from upstream"
    assert [c.choices[0].finish_reason for c in chunks if c.choices and c.choices[0].finish_reason] == ["stop"]
    assert all(chunk.usage is None for chunk in chunks)
    asked = list(
        client.chat.completions.create(
            model=f"{wire}/echo",
            messages=[{"role": "user", "content": "Hi"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert [(c.usage.prompt_tokens, c.usage.completion_tokens) for c in asked if c.usage] == [
        (PROMPT_TOKENS[wire], COMPLETION_TOKENS[wire])
    ]
    assert asked[-1].choices == []


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_there_and_back(client: OpenAI, wire: str, *, streamed: bool) -> None:
    model = f"{wire}/tool"
    if streamed:
        with client.chat.completions.stream(
            model=model, messages=[{"role": "user", "content": "Weather in Oslo?"}], tools=[TOOL]
        ) as stream:
            answer = stream.get_final_completion()
    else:
        answer = client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "Weather in Oslo?"}], tools=[TOOL]
        )
    assert answer.choices[0].finish_reason == "tool_calls"
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    call = calls[0]
    assert call.type == "function"
    assert call.function.name == "weather"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}
    follow_up = client.chat.completions.create(
        model=f"{wire}/echo",
        messages=[
            {"role": "user", "content": "Weather in Oslo?"},
            {
                "role": "assistant",
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
        ],
        tools=[TOOL],
    )
    assert follow_up.choices[0].message.content == "Hello from upstream"


@pytest.mark.parametrize("wire", WIRES)
def test_vision_input_reaches_the_provider(stage: Stage, client: OpenAI, wire: str) -> None:
    client.chat.completions.create(
        model=f"{wire}/echo",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": PIXEL}},
                ],
            }
        ],
    )
    assert PIXEL.partition(",")[2] in json.dumps(stage.provider.bodies[-1])


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_json_schema(stage: Stage, client: OpenAI, wire: str) -> None:
    schema: dict[str, object] = {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    }
    answer = client.chat.completions.create(
        model=f"{wire}/echo",
        messages=[{"role": "user", "content": "A city"}],
        response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema, "strict": True}},
    )
    assert json.loads(answer.choices[0].message.content or "") == {"city": "Oslo"}
    assert '"properties": {"city"' in json.dumps(stage.provider.bodies[-1])


def test_embeddings_in_the_encoding_the_sdk_asks_for(stage: Stage, client: OpenAI) -> None:
    del stage
    answer = client.embeddings.create(model="openai/echo", input=["a", "b"])
    assert [item.embedding for item in answer.data] == [[0.5, -0.25], [0.5, -0.25]]
    sandbox = client.embeddings.create(model="sandbox/embed", input="a", dimensions=8)
    assert len(sandbox.data[0].embedding) == 8


def test_a_wrong_key_is_401(stage: Stage) -> None:
    with (
        OpenAI(api_key="lgw_live_wrongwrongwrongwrong", base_url=f"{stage.gateway.url}/v1", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError) as refusal,
    ):
        stranger.chat.completions.create(model="smart", messages=[{"role": "user", "content": "Hi"}])
    assert refusal.value.code == "invalid_api_key"


def test_an_unknown_model_is_404_and_a_missing_credential_is_named(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        client.chat.completions.create(model="no-such-model", messages=[{"role": "user", "content": "Hi"}])
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError) as keyless:
        client.chat.completions.create(model="groq/llama", messages=[{"role": "user", "content": "Hi"}])
    assert "GROQ_API_KEY" in str(keyless.value)


@pytest.mark.parametrize("stream", [False, True])
def test_what_azures_content_filter_found_reaches_the_caller(client: OpenAI, *, stream: bool) -> None:
    for ask in (
        lambda: client.chat.completions.create(
            model="lab/filtered", messages=[{"role": "user", "content": "Hi"}], stream=stream
        ),
        lambda: client.responses.create(model="openai/filtered", input="Hi", stream=stream),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            ask()
        body: Any = refused.value.body
        assert (refused.value.code, body["innererror"]) == ("content_filter", AZURE_FILTERED["innererror"])


@pytest.mark.parametrize("wire", WIRES)
def test_the_providers_errors_keep_class_and_message(client: OpenAI, wire: str) -> None:
    with pytest.raises(openai.RateLimitError) as busy:
        client.chat.completions.create(model=f"{wire}/status-429", messages=[{"role": "user", "content": "Hi"}])
    assert busy.value.response.headers["retry-after"] == "7"
    assert "upstream says 429" in str(busy.value)
    with pytest.raises(openai.InternalServerError) as broken:
        client.chat.completions.create(model=f"{wire}/status-500", messages=[{"role": "user", "content": "Hi"}])
    assert broken.value.status_code == 502
    assert "upstream says 500" in str(broken.value)


def test_our_own_limit_is_429_with_retry_after_and_headers(stage: Stage) -> None:
    key = stage.gateway.new_key("--rpm", "1")
    with OpenAI(api_key=key, base_url=f"{stage.gateway.url}/v1", max_retries=0) as client:
        first = client.chat.completions.with_raw_response.create(
            model="smart", messages=[{"role": "user", "content": "Hi"}]
        )
        assert first.headers["x-ratelimit-limit-requests"] == "1"
        assert first.headers["x-ratelimit-remaining-requests"] == "0"
        with pytest.raises(openai.RateLimitError) as refusal:
            client.chat.completions.create(model="smart", messages=[{"role": "user", "content": "Hi"}])
    assert refusal.value.code == "rate_limit_exceeded"
    assert int(refusal.value.response.headers["retry-after"]) >= 1


def test_what_no_waiting_helps_is_asked_once(stage: Stage) -> None:
    made = json.loads(stage.gateway.command("keys", "create", "--name", "small", "--tpm", "1", "--json"))
    with (
        OpenAI(api_key=made["key"], base_url=f"{stage.gateway.url}/v1", max_retries=2) as client,
        pytest.raises(openai.RateLimitError, match="limit of 1 token a minute ever allows") as refusal,
    ):
        client.chat.completions.create(model="smart", messages=[{"role": "user", "content": "Hi there"}])
    stage.gateway.usage(refusal.value.response.headers["x-request-id"])
    events = json.loads(stage.gateway.command("usage", "list", "--json"))
    assert [event["status"] for event in events if event["key_id"] == made["id"]] == [429]


def test_failover_before_the_first_content(stage: Stage, client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="resilient", messages=[{"role": "user", "content": "Hi"}]
    )
    assert raw.parse().choices[0].message.content == "Hello from upstream"
    assert raw.headers["x-llmgateway-provider"] == "anthropic"
    event = stage.gateway.usage(raw.headers["x-request-id"])
    assert [attempt["outcome"] for attempt in event["attempts"]][-1] == "ok"
    assert event["provider"] == "anthropic"


@pytest.mark.parametrize("wire", WIRES)
def test_a_cancelled_stream_closes_the_upstream_and_is_counted(stage: Stage, client: OpenAI, wire: str) -> None:
    stage.loop.call_soon_threadsafe(stage.provider.left.clear)
    response = client.chat.completions.with_raw_response.create(
        model=f"{wire}/endless", messages=[{"role": "user", "content": "Talk"}], stream=True
    )
    request_id = response.headers["x-request-id"]
    stream = response.parse()
    for number, _ in enumerate(stream):
        if number == 5:
            break
    stream.close()
    assert stage.left()
    event = stage.gateway.usage(request_id)
    assert event["outcome"] == "abandoned"
    assert event["usage_source"] in {"counted", "provider"}
    assert event["prompt_tokens"] > 0
    assert event["completion_tokens"] > 0


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_cut_stream_is_never_reported_as_finished(client: OpenAI, wire: str) -> None:
    finishes = list[str | None]()
    stream = client.chat.completions.create(
        model=f"{wire}/cut", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    with pytest.raises(openai.APIError, match="incomplete"):
        finishes += [chunk.choices[0].finish_reason for chunk in stream if chunk.choices]
    assert not any(finishes)


def test_models_are_listed(client: OpenAI) -> None:
    names = {model.id for model in client.models.list()}
    assert {"smart", "resilient", "sandbox/chat", "openai/gpt-4.1"} <= names


def test_an_unsupported_parameter_is_named_or_dropped_on_request(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        client.chat.completions.create(
            model="anthropic/echo", messages=[{"role": "user", "content": "Hi"}], logit_bias={"1": 2}
        )
    assert (refusal.value.code, refusal.value.param) == ("unsupported_parameter", "logit_bias")
    raw = client.chat.completions.with_raw_response.create(
        model="anthropic/echo",
        messages=[{"role": "user", "content": "Hi"}],
        logit_bias={"1": 2},
        extra_headers={"x-llmgateway-unsupported": "drop"},
    )
    assert raw.headers["x-llmgateway-dropped-params"] == "logit_bias"
