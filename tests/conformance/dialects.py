"""The dialects as clients use them: they write conversations, and read answers whole and streamed."""

import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects, text_of
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.providers.base import Step
from tests.conformance.features import SCHEMA
from tests.conformance.meaning import Asked, Said, said_in_stream, said_whole
from tests.conformance.wires.base import inner
from tests.providers.anthropic_recordings import accumulated


@dataclass(frozen=True)
class Turn:
    """What the user says, and what the model answered to it: text, then calls, each with its result."""

    user: str
    answer: str = ""
    calls: tuple[tuple[str, str, Json, str], ...] = ()
    """(id, name, arguments, result)."""


@dataclass(frozen=True)
class Conversation:
    """A history that ends with a question, or with tool results."""

    system: str
    turns: tuple[Turn, ...]
    limit: int
    tools: tuple[str, ...]
    choice: str | None = None

    @property
    def asked(self) -> Asked:
        """What every provider must be asked."""
        settings: Json = {"max_tokens": self.limit}
        if self.tools:
            settings["tools"] = [(name, f"does {name}", tuple(sorted(SCHEMA["properties"]))) for name in self.tools]
        if self.tools and self.choice:
            settings["tool_choice"] = self.choice
        calls = [call for turn in self.turns for call in turn.calls]
        return Asked(
            self.system,
            tuple(turn.user for turn in self.turns),
            (),
            tuple((name, arguments) for _, name, arguments, _ in calls),
            tuple(result for _, _, _, result in calls),
            settings,
        )


class Client(ABC):
    """A client of one dialect."""

    writer: DialectWriter

    @abstractmethod
    def body(self, conversation: Conversation) -> Json:
        """The request that a client sends."""

    @abstractmethod
    def whole(self, body: Json) -> Said:
        """What an answer says."""

    @abstractmethod
    def stream(self, data: bytes) -> Said:
        """What a stream says, added up as the dialect's own SDK does."""

    @abstractmethod
    def again(self, body: Json) -> Json:
        """The next request of a client that sends the answer back as its history."""

    def call(self, body: Json) -> Call:
        """The body, read."""
        return self.writer.read(Operation.CHAT, json.dumps(body).encode(), Wishes())


class OpenAIClient(Client):
    """/v1/chat/completions."""

    writer = OpenAIDialect()

    def body(self, conversation: Conversation) -> Json:
        messages: list[Json] = [{"role": "system", "content": conversation.system}]
        for turn in conversation.turns:
            messages.append({"role": "user", "content": turn.user})
            calls = [_chat_call(identifier, name, given) for identifier, name, given, _ in turn.calls]
            if turn.answer or calls:
                message: Json = {"role": "assistant", "content": turn.answer or None}
                messages.append({**message, "tool_calls": calls} if calls else message)
            messages += [{"role": "tool", "tool_call_id": i, "content": text} for i, _, _, text in turn.calls]
        body: Json = {"model": "a-model", "messages": messages, "max_tokens": conversation.limit}
        tools = [{"type": "function", "function": function} for function in _functions(conversation)]
        return {**body, "tools": tools, **_choice(conversation)} if tools else body

    def whole(self, body: Json) -> Said:
        return replace(said_whole(body, None), **_openai_figures(body.get("usage")))

    def stream(self, data: bytes) -> Said:
        assert data.endswith(b"data: [DONE]\n\n")
        chunks = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]
        steps = [Step(chunk=chunk) for chunk in chunks]
        return replace(said_in_stream(steps), **_openai_figures(chunks[-1].get("usage")))

    def again(self, body: Json) -> Json:
        message = body["choices"][0]["message"]
        results = [{"role": "tool", "tool_call_id": c["id"], "content": "ok"} for c in message.get("tool_calls", ())]
        history = [{"role": "user", "content": "Hello"}, message, *results]
        return {"model": "a-model", "messages": history}


class AnthropicClient(Client):
    """/v1/messages."""

    writer = AnthropicDialect()

    def body(self, conversation: Conversation) -> Json:
        messages: list[Json] = []
        for turn in conversation.turns:
            results: list[Json] = messages.pop()["content"] if messages and messages[-1]["role"] == "user" else []
            messages.append({"role": "user", "content": [*results, {"type": "text", "text": turn.user}]})
            blocks: list[Json] = [{"type": "text", "text": turn.answer}] if turn.answer else []
            blocks += [{"type": "tool_use", "id": i, "name": name, "input": given} for i, name, given, _ in turn.calls]
            if blocks:
                messages.append({"role": "assistant", "content": blocks})
            if turn.calls:
                answers = [{"type": "tool_result", "tool_use_id": i, "content": text} for i, _, _, text in turn.calls]
                messages.append({"role": "user", "content": answers})
        body: Json = {"model": "a-model", "system": conversation.system, "messages": messages}
        body["max_tokens"] = conversation.limit
        tools = [{"input_schema": f.pop("parameters"), **f} for f in _functions(conversation)]
        words = {"required": {"type": "any"}, "auto": {"type": "auto"}}
        choice = {"tool_choice": words[conversation.choice]} if conversation.choice else {}
        return {**body, "tools": tools, **choice} if tools else body

    def whole(self, body: Json) -> Said:
        text = "".join(block["text"] for block in body["content"] if block["type"] == "text")
        thinking = "".join(block["thinking"] for block in body["content"] if block["type"] == "thinking")
        calls = [(b["id"], b["name"], b["input"]) for b in body["content"] if b["type"] == "tool_use"]
        words = {"end_turn": "stop", "max_tokens": "length", "tool_use": "tool_calls", "refusal": "content_filter"}
        usage: Json = body["usage"]
        cached = usage["cache_read_input_tokens"]
        return Said(
            text=text,
            reasoning=thinking,
            calls=tuple(calls),
            finish=words[body["stop_reason"]],
            prompt=usage["input_tokens"] + cached + usage["cache_creation_input_tokens"],
            completion=usage["output_tokens"],
            cached=cached,
            reasoned=inner(usage, "output_tokens_details").get("thinking_tokens", 0),
        )

    def stream(self, data: bytes) -> Said:
        events = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]
        assert events[-1]["type"] == "message_stop"
        starts = [event["index"] for event in events if event["type"] == "content_block_start"]
        assert starts == list(range(len(starts)))
        return self.whole(accumulated(events))

    def again(self, body: Json) -> Json:
        calls = [block for block in body["content"] if block["type"] == "tool_use"]
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": "ok"} for call in calls]
        history = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": body["content"]}]
        last = [{"role": "user", "content": results}] if results else []
        return {"model": "a-model", "max_tokens": 9, "messages": [*history, *last]}


class ResponsesClient(Client):
    """/v1/responses."""

    writer = ResponsesDialect()

    def body(self, conversation: Conversation) -> Json:
        items: list[Json] = []
        for turn in conversation.turns:
            items.append({"role": "user", "content": [{"type": "input_text", "text": turn.user}]})
            if turn.answer:
                part = {"type": "output_text", "text": turn.answer}
                items.append({"type": "message", "role": "assistant", "content": [part]})
            for identifier, name, given, _ in turn.calls:
                items.append(
                    {"type": "function_call", "call_id": identifier, "name": name, "arguments": json.dumps(given)}
                )
            items += [{"type": "function_call_output", "call_id": i, "output": text} for i, _, _, text in turn.calls]
        body: Json = {"model": "a-model", "instructions": conversation.system, "input": items, "store": False}
        body["max_output_tokens"] = conversation.limit
        tools = [{"type": "function", **function} for function in _functions(conversation)]
        return {**body, "tools": tools, **_choice(conversation)} if tools else body

    def whole(self, body: Json) -> Said:
        usage: Json = body["usage"]
        return Said(
            text="".join(part["text"] for item in _items(body, "message") for part in item["content"]),
            reasoning="".join(part["text"] for item in _items(body, "reasoning") for part in item.get("content", ())),
            calls=tuple((i["call_id"], i["name"], json.loads(i["arguments"])) for i in _items(body, "function_call")),
            finish=_status(body),
            prompt=usage["input_tokens"],
            completion=usage["output_tokens"],
            cached=usage["input_tokens_details"]["cached_tokens"],
            reasoned=usage["output_tokens_details"]["reasoning_tokens"],
        )

    def stream(self, data: bytes) -> Said:
        events = [json.loads(line[6:]) for line in data.split(b"\n") if line.startswith(b"data: {")]
        assert [event["sequence_number"] for event in events] == list(range(len(events)))
        assert events[-1]["type"] in {"response.completed", "response.incomplete"}
        said = self.whole(events[-1]["response"])
        assert _joined(events, "response.output_text.delta") == said.text
        assert _joined(events, "response.reasoning_text.delta") == said.reasoning
        written = _joined_by_item(events)
        assert [json.loads(arguments) for arguments in written] == [given for _, _, given in said.calls]
        done = [event["output_index"] for event in events if event["type"] == "response.output_item.done"]
        assert sorted(done) == list(range(len(done)))
        assert all(before["sequence_number"] < after["sequence_number"] for before, after in pairwise(events))
        return said

    def again(self, body: Json) -> Json:
        results = [
            {"type": "function_call_output", "call_id": i["call_id"], "output": "ok"}
            for i in _items(body, "function_call")
        ]
        items = [{"role": "user", "content": "Hello"}, *body["output"], *results]
        return {"model": "a-model", "input": items, "store": False}


CLIENTS: Final[Sequence[Client]] = (OpenAIClient(), AnthropicClient(), ResponsesClient())


def _functions(conversation: Conversation) -> list[Json]:
    return [{"name": name, "description": f"does {name}", "parameters": SCHEMA} for name in conversation.tools]


def _choice(conversation: Conversation) -> Json:
    return {"tool_choice": conversation.choice} if conversation.choice else {}


def _chat_call(identifier: str, name: str, given: Json) -> Json:
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}


def _openai_figures(usage: Any) -> Json:
    return {
        "prompt": usage["prompt_tokens"],
        "completion": usage["completion_tokens"],
        "cached": usage.get("prompt_tokens_details", {}).get("cached_tokens", 0),
        "reasoned": usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0),
    }


def _items(body: Json, kind: str) -> list[Json]:
    return [item for item in objects(body["output"]) if item["type"] == kind]


def _status(body: Json) -> str:
    if body["status"] == "incomplete":
        return {"max_output_tokens": "length"}.get(body["incomplete_details"]["reason"], "content_filter")
    return "tool_calls" if _items(body, "function_call") else "stop"


def _joined(events: list[Json], kind: str) -> str:
    return "".join(text_of(event["delta"]) for event in events if event["type"] == kind)


def _joined_by_item(events: list[Json]) -> list[str]:
    written: dict[int, str] = {}
    for event in events:
        if event["type"] == "response.function_call_arguments.delta":
            index = event["output_index"]
            written[index] = written.get(index, "") + event["delta"]
    return [written[index] for index in sorted(written)]
