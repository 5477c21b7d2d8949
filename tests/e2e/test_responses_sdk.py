"""The official `openai` package's Responses API against models that know it, and models that only chat."""

import json

import openai
import pytest
from openai import OpenAI
from openai.types.responses import (
    FunctionToolParam,
    ResponseFormatTextJSONSchemaConfigParam,
    ResponseFunctionToolCallParam,
    ResponseInputItemParam,
)

from tests.e2e.conftest import Stage

pytestmark = pytest.mark.slow

WIRES = ("lab", "anthropic", "gemini")
"""Providers without a Responses API of their own: translated to chat."""
TOOL: FunctionToolParam = {
    "type": "function",
    "name": "weather",
    "description": "Weather of a city",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}


@pytest.mark.parametrize("wire", WIRES)
def test_text_and_what_it_used(stage: Stage, client: OpenAI, wire: str) -> None:
    raw = client.responses.with_raw_response.create(model=f"{wire}/echo", instructions="Be brief.", input="Hi")
    response = raw.parse()
    assert response.output_text == "Hello from upstream"
    assert response.status == "completed"
    assert response.usage is not None
    event = stage.gateway.usage(raw.headers["x-request-id"])
    assert event["prompt_tokens"] == response.usage.input_tokens
    assert event["completion_tokens"] == response.usage.output_tokens


@pytest.mark.parametrize("wire", WIRES)
def test_stream_with_every_event_in_order(client: OpenAI, wire: str) -> None:
    with client.responses.stream(model=f"{wire}/echo", input="Hi") as stream:
        events = list(stream)
        final = stream.get_final_response()
    assert final.output_text == "Hello from upstream"
    assert [event.sequence_number for event in events if hasattr(event, "sequence_number")] == list(range(len(events)))
    kinds = [event.type for event in events]
    assert kinds[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert kinds[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("streamed", [False, True])
def test_tools_there_and_back(client: OpenAI, wire: str, *, streamed: bool) -> None:
    if streamed:
        with client.responses.stream(model=f"{wire}/tool", input="Oslo?", tools=[TOOL]) as stream:
            stream.until_done()
            response = stream.get_final_response()
    else:
        response = client.responses.create(model=f"{wire}/tool", input="Oslo?", tools=[TOOL])
    call = next(item for item in response.output if item.type == "function_call")
    assert call.name == "weather"
    assert json.loads(call.arguments) == {"city": "Oslo"}
    follow_up = client.responses.create(
        model=f"{wire}/echo",
        tools=[TOOL],
        input=[
            {"role": "user", "content": "Oslo?"},
            {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments},
            {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
        ],
    )
    assert follow_up.output_text == "Hello from upstream"


def test_json_schema(client: OpenAI, stage: Stage) -> None:
    form: ResponseFormatTextJSONSchemaConfigParam = {
        "type": "json_schema",
        "name": "city",
        "schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    response = client.responses.create(model="anthropic/echo", input="A city", text={"format": form})
    assert json.loads(response.output_text) == {"city": "Oslo"}
    assert '"city"' in json.dumps(stage.provider.bodies[-1])


def test_what_only_a_native_provider_can_do_is_refused_by_name(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as previous:
        client.responses.create(model="anthropic/echo", input="Hi", previous_response_id="resp_1")
    assert (previous.value.code, previous.value.param) == ("unsupported_parameter", "previous_response_id")
    with pytest.raises(openai.BadRequestError) as stored:
        client.responses.create(model="lab/echo", input="Hi", store=True)
    assert stored.value.param == "store"
    with pytest.raises(openai.BadRequestError) as searching:
        client.responses.create(model="gemini/echo", input="Hi", tools=[{"type": "web_search"}])
    assert (searching.value.param or "").startswith("tools")


def test_a_reference_to_reasoning_that_is_stored_nowhere_is_left_out_and_named(client: OpenAI, stage: Stage) -> None:
    """As the AI SDK of Vercel writes the second step of its tool loop when `store` is not said."""
    first = client.responses.create(model="lab/thinker", input="Oslo?")
    thought = first.output[0]
    assert thought.type == "reasoning"
    call: ResponseFunctionToolCallParam = {
        "type": "function_call", "call_id": "c1", "name": "weather", "arguments": "{}"
    }  # fmt: skip
    items: list[ResponseInputItemParam] = [
        {"role": "user", "content": "Oslo?"},
        {"type": "item_reference", "id": thought.id},
        call,
        {"type": "function_call_output", "call_id": "c1", "output": "sunny"},
    ]
    raw = client.responses.with_raw_response.create(model="lab/thinker", input=items, tools=[TOOL])
    assert raw.headers["x-llmgateway-dropped-params"] == "input[1]"
    assert [message["role"] for message in stage.provider.bodies[-1]["messages"]] == ["user", "assistant", "tool"]


def test_another_reference_is_refused_with_what_to_do(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"send the item itself, or ask with `store: false`") as refused:
        client.responses.create(model="lab/echo", input=[{"type": "item_reference", "id": "rs_0a1b2c"}])
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "input[0]")


@pytest.mark.parametrize("wire", ["openai", *WIRES])
@pytest.mark.parametrize("stream", [False, True])
def test_what_would_be_fetched_later_is_refused_and_never_asked(
    client: OpenAI, stage: Stage, wire: str, *, stream: bool
) -> None:
    asked = len(stage.provider.bodies)
    with pytest.raises(openai.BadRequestError, match="without `background`") as refused:
        client.responses.create(model=f"{wire}/echo", input="Hi", background=True, stream=stream)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "background")
    assert len(stage.provider.bodies) == asked
    if not stream and wire == "openai":
        event = stage.gateway.usage(refused.value.response.headers["x-request-id"])
        assert (event["outcome"], event["charge_usd"], event["attempts"]) == ("refused", "0.000000000", [])


def test_what_is_refused_is_named_where_the_caller_wrote_it(client: OpenAI) -> None:
    question: ResponseInputItemParam = {
        "role": "user",
        "content": [{"type": "input_text", "text": "What?"}, {"type": "input_image", "file_id": "file-1", "detail": "auto"}],
    }  # fmt: skip
    with pytest.raises(openai.BadRequestError, match=r"cannot honour input\[0\]\.content\[1\]") as refused:
        client.responses.create(model="lab/echo", instructions="Be brief.", input=[question])
    assert refused.value.param == "input[0].content[1]"
    call: ResponseFunctionToolCallParam = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{"}
    with pytest.raises(openai.BadRequestError, match="arguments of a tool call are JSON") as broken:
        client.responses.create(
            model="gemini/echo", instructions="Be brief.", input=[{"role": "user", "content": "Hi"}, call]
        )
    assert broken.value.param == "input[1].function.arguments"
    raw = client.responses.with_raw_response.create(
        model="lab/echo", instructions="Be brief.", input=[question], extra_headers={"x-llmgateway-unsupported": "drop"}
    )
    assert raw.headers["x-llmgateway-dropped-params"] == "input[0].content[1]"


def test_answers_are_not_there_to_be_fetched_later(client: OpenAI) -> None:
    for ask in (
        client.responses.retrieve,
        client.responses.delete,
        client.responses.cancel,
        client.responses.input_items.list,
    ):
        with pytest.raises(openai.NotFoundError, match="not stored here") as missing:
            ask("resp_1")
        assert missing.value.code == "response_not_stored"


def test_errors_of_the_provider_and_of_the_caller(client: OpenAI) -> None:
    with pytest.raises(openai.RateLimitError, match="upstream says 429"):
        client.responses.create(model="anthropic/status-429", input="Hi")
    with pytest.raises(openai.BadRequestError) as empty:
        client.responses.create(model="anthropic/echo")
    assert empty.value.param == "input"


def test_a_cut_stream_is_never_reported_as_completed(client: OpenAI) -> None:
    events = list(client.responses.create(model="anthropic/cut", input="Hi", stream=True))
    assert [event.type for event in events][-2:] == ["response.failed", "error"]
    failed = events[-2]
    assert failed.type == "response.failed"
    assert failed.response.error is not None
    assert "incomplete" in failed.response.error.message
