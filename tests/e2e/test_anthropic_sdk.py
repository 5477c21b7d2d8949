"""The official `anthropic` package as a client, unchanged but for base URL and key, against three providers' wires."""

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from anthropic.types import ToolParam

from tests.e2e.conftest import Stage
from tests.e2e.wires import PIXEL, PROMPT_TOKENS, WIRES

pytestmark = pytest.mark.slow

TOOL: ToolParam = {
    "name": "weather",
    "description": "Weather of a city",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}


@pytest.fixture
def client(stage: Stage) -> Iterator[Anthropic]:
    with Anthropic(api_key=stage.gateway.key, base_url=stage.gateway.url, max_retries=0, timeout=20) as client:
        yield client


@pytest.mark.parametrize("wire", WIRES)
def test_messages_and_what_they_used(client: Anthropic, wire: str) -> None:
    message = client.messages.create(
        model=f"{wire}/echo", max_tokens=50, system="Be brief.", messages=[{"role": "user", "content": "Hi"}]
    )
    assert [block.text for block in message.content if block.type == "text"] == ["Hello from upstream"]
    assert message.stop_reason == "end_turn"
    cached = message.usage.cache_read_input_tokens or 0
    assert message.usage.input_tokens + cached == PROMPT_TOKENS[wire]


@pytest.mark.parametrize("wire", WIRES)
def test_stream(client: Anthropic, wire: str) -> None:
    with client.messages.stream(
        model=f"{wire}/echo", max_tokens=50, messages=[{"role": "user", "content": "Hi"}]
    ) as stream:
        assert "".join(stream.text_stream) == "Hello from upstream"
        assert stream.get_final_message().stop_reason == "end_turn"


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_there_and_back(client: Anthropic, wire: str, *, streamed: bool) -> None:
    if streamed:
        with client.messages.stream(
            model=f"{wire}/tool", max_tokens=50, messages=[{"role": "user", "content": "Oslo?"}], tools=[TOOL]
        ) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(
            model=f"{wire}/tool", max_tokens=50, messages=[{"role": "user", "content": "Oslo?"}], tools=[TOOL]
        )
    assert message.stop_reason == "tool_use"
    call = next(block for block in message.content if block.type == "tool_use")
    assert (call.name, call.input) == ("weather", {"city": "Oslo"})
    follow_up = client.messages.create(
        model=f"{wire}/echo",
        max_tokens=50,
        tools=[TOOL],
        messages=[
            {"role": "user", "content": "Oslo?"},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": call.id, "name": "weather", "input": call.input}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]},
        ],
    )
    assert follow_up.stop_reason == "end_turn"


@pytest.mark.parametrize("wire", WIRES)
def test_vision_input_reaches_the_provider(stage: Stage, client: Anthropic, wire: str) -> None:
    data = PIXEL.partition(",")[2]
    client.messages.create(
        model=f"{wire}/echo",
        max_tokens=50,
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}},
                    {"type": "text", "text": "What is this?"},
                ],
            }
        ],
    )
    assert data in json.dumps(stage.provider.bodies[-1])


@pytest.mark.parametrize("wire", WIRES)
def test_stop_sequences_reach_the_provider(stage: Stage, client: Anthropic, wire: str) -> None:
    client.messages.create(
        model=f"{wire}/echo", max_tokens=50, stop_sequences=["END"], messages=[{"role": "user", "content": "Hi"}]
    )
    assert '"END"' in json.dumps(stage.provider.bodies[-1])


def test_errors_in_anthropics_words(stage: Stage, client: Anthropic) -> None:
    with (
        Anthropic(api_key="lgw_live_wrongwrongwrongwrong", base_url=stage.gateway.url, max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError) as wrong_key,
    ):
        stranger.messages.create(model="smart", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    assert "invalid_api_key" in str(wrong_key.value)
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(anthropic.RateLimitError, match="upstream says 429"):
        client.messages.create(model="openai/status-429", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])
    with pytest.raises(anthropic.InternalServerError, match="upstream says 500"):
        client.messages.create(model="openai/status-500", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("max_completion_tokens", "max_tokens"),
        ("messages[1].content[0]", "messages.0.content.0"),
        ("reasoning_effort", "thinking"),
        ("seed", "seed"),
    ],
)
def test_a_field_that_the_provider_refuses_is_named_as_the_caller_wrote_it(
    client: Anthropic, theirs: str, ours: str
) -> None:
    with pytest.raises(anthropic.BadRequestError) as refused:
        client.messages.create(
            model=f"openai/refuses-{theirs}",
            max_tokens=9,
            system="Be brief.",
            messages=[{"role": "user", "content": "Hi"}],
        )
    body: Any = refused.value.body
    assert body["error"]["param"] == ours


@pytest.mark.parametrize("wire", WIRES)
def test_a_cancelled_stream_closes_the_upstream_and_is_counted(stage: Stage, client: Anthropic, wire: str) -> None:
    stage.loop.call_soon_threadsafe(stage.provider.left.clear)
    with client.messages.stream(
        model=f"{wire}/endless", max_tokens=50, messages=[{"role": "user", "content": "Talk"}]
    ) as stream:
        request_id = stream.response.headers["x-request-id"]
        for number, _ in enumerate(stream):
            if number == 6:
                break
    assert stage.left()
    event = stage.gateway.usage(request_id)
    assert event["outcome"] == "abandoned"
    assert event["completion_tokens"] > 0


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
def test_a_cut_stream_is_never_reported_as_finished(client: Anthropic, wire: str) -> None:
    with (
        pytest.raises(anthropic.APIError, match="incomplete"),
        client.messages.stream(
            model=f"{wire}/cut", max_tokens=50, messages=[{"role": "user", "content": "Hi"}]
        ) as stream,
    ):
        stream.get_final_message()
