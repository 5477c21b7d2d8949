"""/v1/completions for providers that have only chat: the prompt becomes a user message, and the answer a text completion."""

from typing import Any, Final, cast

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.shapes import is_array, objects
from llmgateway.canon.usage import Usage
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect, OpenAIStream, told_usage
from llmgateway.dataplane.dialects.validation import encode
from llmgateway.errors import BadRequest
from llmgateway.kit import sse
from llmgateway.providers.base import Answer

_PASSED: Final = frozenset(
    {
        "model", "max_tokens", "temperature", "top_p", "n", "stop", "seed", "presence_penalty", "frequency_penalty",
        "logit_bias", "user", "stream", "stream_options",
    }
)  # fmt: skip
_FINISHES: Final = (None, "stop", "length", "content_filter")
"""Finish reasons that a completion has; None while a stream goes on."""
_DEFAULTS: Final[Json] = {"echo": False, "suffix": None, "best_of": 1, "logprobs": None}


def as_chat(call: Call) -> Call:
    """The Call as a chat. Raises BadRequest for parameters that a chat does not have, unless the caller allows to drop them."""
    body = {name: value for name, value in call.canon.items() if name in _PASSED}
    lost = [name for name in call.canon if name not in _PASSED and name not in {"prompt", *_DEFAULTS}]
    lost += [name for name, default in _DEFAULTS.items() if call.canon.get(name) not in (None, default)]
    if lost and not call.wishes.drop_unsupported:
        raise BadRequest(
            f"The model {call.model!r} has no completions endpoint, and a chat in its place cannot honour {', '.join(lost)}. "
            "Leave it out, use /v1/chat/completions, or send the header `x-llmgateway-unsupported: drop`.",
            code="unsupported_parameter",
            param=lost[0],
        )
    body["messages"] = [{"role": "user", "content": _prompt(call)}]
    return msgspec.structs.replace(call, operation=Operation.CHAT, body=body, canon=body, left_out=frozenset(lost))


class TextDialect(OpenAIDialect):
    """Writes chat answers as completions."""

    def answer(self, call: Call, answer: Answer) -> bytes:
        del call
        choices = [
            _choice(choice, cast("Json", choice.get("message") or {})) for choice in objects(answer.body.get("choices"))
        ]
        body = {name: answer.body.get(name) for name in ("created", "model")}
        head = {"id": _id(answer.body.get("id")), "object": "text_completion", **body, "usage": told_usage(answer)}
        return encode({**head, "choices": choices})

    def stream(self, call: Call) -> "TextStream":
        return TextStream(self, include_usage=call.include_usage)


class TextStream(OpenAIStream):
    """Writes chat chunks as chunks of a completion; those without text or finish reason are left out."""

    def chunk(self, chunk: ChatChunk) -> bytes:
        if not super().chunk(chunk):
            return b""
        choices: list[Json] = []
        for choice in chunk["choices"]:
            delta = cast("dict[str, Any]", choice.get("delta") or {})
            finish = choice.get("finish_reason")
            if delta.get("content") or finish:
                choices.append(_choice(cast("Json", choice), delta))
        return _event(chunk, choices) if choices else b""

    def close(self, usage: Usage | None) -> bytes:
        return super().close(usage).replace(b'"object":"chat.completion.chunk"', b'"object":"text_completion"')


def _choice(choice: Json, said: Json) -> Json:
    finish = choice.get("finish_reason")
    return {
        "index": choice.get("index", 0),
        "text": said.get("content") or "",
        "logprobs": None,
        "finish_reason": finish if finish in _FINISHES else "stop",
    }


def _event(chunk: ChatChunk, choices: list[Json]) -> bytes:
    head: Json = {"id": _id(chunk["id"]), "object": "text_completion", "created": chunk["created"]}
    return sse.write(encode({**head, "model": chunk["model"], "choices": choices}))


def _id(identifier: object) -> str:
    return str(identifier or "").replace("chatcmpl-", "cmpl-", 1)


def _prompt(call: Call) -> str:
    prompt: object = call.canon.get("prompt")
    if is_array(prompt) and len(prompt) == 1 and isinstance(prompt[0], str):
        return prompt[0]
    if isinstance(prompt, str):
        return prompt
    raise BadRequest(
        f"The model {call.model!r} has no completions endpoint; a chat in its place takes one prompt, as text. "
        "Send one request for each prompt.",
        code="unsupported_parameter",
        param="prompt",
    )
