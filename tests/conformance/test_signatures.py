"""What only Gemini understands comes back to it from callers of every dialect, and goes to nobody else."""

import json
from typing import Any

import pytest

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects
from llmgateway.providers.anthropic.declaration import ANTHROPIC
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.gemini.declaration import GEMINI
from llmgateway.providers.hosts.openai import OPENAI
from tests.conformance.dialects import CLIENTS, Client
from tests.conformance.samples import QUESTION, steps_of
from tests.conformance.targets import Target, those_with
from tests.providers.anthropic_recordings import accumulated

DIALECTS = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.writer.id)
OTHERS = pytest.mark.parametrize("client", CLIENTS[1:], ids=lambda client: client.writer.id)
WAYS = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
CHATS = those_with(Operation.CHAT)
MODEL = "gemini-3-pro-preview"
TEXT: Json = {"text": "Both.", "thoughtSignature": "OF-THE-TEXT"}
FIRST: Json = {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "REALSIG"}
SECOND: Json = {"functionCall": {"id": "c2", "name": "g", "args": {}}}
CODE: Json = {"executableCode": {"language": "PYTHON", "code": "1+1"}, "thoughtSignature": "OF-THE-CODE"}


def target(name: str) -> Target:
    return next(each for each in CHATS if each.name == name)


def answered(client: Client, parts: list[Json], *, streamed: bool) -> Json:
    """The answer as its client holds it."""
    candidate: Json = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    body: Json = {"responseId": "r1", "modelVersion": MODEL, "candidates": [candidate]}
    call = client.call({**QUESTION[client.writer.id], "stream": streamed})
    if not streamed:
        answer = GEMINI.read(call, UpstreamReply(200, {}, json.dumps(body).encode()))
        return json.loads(client.writer.answer(call, answer))
    writer = client.writer.stream(call)
    steps = steps_of(GEMINI.decoder(call, native=False), b"data: " + json.dumps(body).encode() + b"\n\n")
    data = writer.open() + b"".join(writer.chunk(step.chunk) for step in steps if step.chunk) + writer.close(None)
    events = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]
    if client.writer.id == "anthropic":
        return accumulated(events)
    return events[-1]["response"] if client.writer.id == "responses" else _chat(events)


def _chat(events: list[Json]) -> Json:
    message: Json = {"role": "assistant", "content": "", "tool_calls": []}
    for delta in [choice["delta"] for event in events for choice in event["choices"]]:
        message["content"] += delta.get("content") or ""
        message["tool_calls"] += delta.get("tool_calls") or []
        message.update({name: delta[name] for name in ("extra_content", "provider_blocks") if name in delta})
    return {"choices": [{"message": message}]}


def sent(client: Client, answer: Json, where: str, model: str) -> Json:
    """The body of the next turn's request."""
    whom = target(where)
    call = client.call(client.again(answer))
    return json.loads(whom.provider.build(call, whom.place(model=model)).body)


def model_parts(body: Json) -> list[Json]:
    return [part for turn in body["contents"] if turn["role"] == "model" for part in turn["parts"]]


@DIALECTS
@WAYS
@pytest.mark.parametrize("parts", [[FIRST, SECOND], [TEXT], [TEXT, FIRST, SECOND], [CODE, TEXT]], ids=str)
def test_signatures_come_back_where_they_were(client: Client, parts: list[Json], *, streamed: bool) -> None:
    body = sent(client, answered(client, parts, streamed=streamed), "gemini", MODEL)
    assert model_parts(body) == parts


@DIALECTS
@WAYS
def test_calls_that_are_signed_one_by_one_stay_one_turn(client: Client, *, streamed: bool) -> None:
    parts = [FIRST, {**SECOND, "thoughtSignature": "ANOTHER"}]
    body = sent(client, answered(client, parts, streamed=streamed), "gemini", MODEL)
    assert model_parts(body) == parts
    assert [turn["role"] for turn in body["contents"]] == ["user", "model", "user"]


@OTHERS
@WAYS
@pytest.mark.parametrize("where", [each.name for each in CHATS if each.name not in {"gemini", "vertex"}])
def test_nobody_else_is_given_them(client: Client, where: str, *, streamed: bool) -> None:
    answer = answered(client, [{"text": "Hm.", "thought": True}, TEXT, FIRST, SECOND], streamed=streamed)
    text = json.dumps(sent(client, answer, where, "claude-sonnet-4-5" if where == "anthropic" else ""))
    for secret in ("REALSIG", "OF-THE-TEXT", "lgw1:", "extra_content"):
        assert secret not in text


@OTHERS
@pytest.mark.parametrize("text", ["lgw1:", "lgw1:%%", "lgw1:e30=", "lgw1:W10=", "lgw1:/w=="])
def test_a_damaged_keepsake_is_left_out(client: Client, text: str) -> None:
    answer = answered(client, [FIRST], streamed=False)
    for carrier in _carriers(answer):
        carrier["data" if "data" in carrier else "encrypted_content"] = text
    (part,) = model_parts(sent(client, answer, "gemini", MODEL))
    assert part["thoughtSignature"] == "skip_thought_signature_validator"


def test_what_is_anthropics_own_still_goes_to_it() -> None:
    client = CLIENTS[1]
    answer = answered(client, [FIRST], streamed=False)
    answer["content"].insert(0, {"type": "redacted_thinking", "data": "theirs"})
    body: Any = sent(client, answer, ANTHROPIC.id, "claude-sonnet-4-5")
    assert [block["type"] for block in body["messages"][1]["content"]] == ["redacted_thinking", "tool_use"]


@DIALECTS
def test_a_picture_of_geminis_is_not_sent_to_anthropic_as_its_own(client: Client) -> None:
    picture: Json = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}, "thoughtSignature": "REALSIG"}
    body = sent(client, answered(client, [picture], streamed=False), ANTHROPIC.id, "claude-sonnet-4-5")
    assert "google_part" not in json.dumps(body)
    assert "REALSIG" not in json.dumps(body)
    assert all(message["content"] for message in body["messages"] if client.writer.id == "anthropic")


def test_reasoning_of_openais_own_still_goes_to_it() -> None:
    client = CLIENTS[2]
    answer = answered(client, [FIRST], streamed=False)
    answer["output"].insert(0, {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"})
    body = sent(client, answer, OPENAI.id, "gpt-5")
    assert [item.get("type") for item in body["input"]] == [None, "reasoning", "function_call", "function_call_output"]


def test_a_reference_goes_to_openai_unless_it_is_to_reasoning_of_others() -> None:
    client = CLIENTS[2]
    made = answered(client, [{"text": "Hm.", "thought": True}, TEXT], streamed=True)["output"][0]["id"]
    theirs: Json = {"type": "item_reference", "id": "rs_68af4030baa48193b0b43b4c2a176a1a0e6967589f080e78"}
    items = [{"role": "user", "content": "Hello"}, {"type": "item_reference", "id": made}, theirs]
    call = client.call({"model": "a-model", "input": items})
    assert (call.left_out, list(OPENAI.refuses(call, "gpt-5"))) == ({"input[1]"}, [])
    body: Any = json.loads(OPENAI.build(call, target("openai").place(model="gpt-5")).body)
    assert body["input"] == [items[0], theirs]


def _carriers(answer: Json) -> list[Json]:
    if "content" in answer:
        return [block for block in objects(answer["content"]) if "data" in block]
    return [item for item in objects(answer["output"]) if "encrypted_content" in item]
