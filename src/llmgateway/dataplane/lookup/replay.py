"""A kept answer, said again: whole, or as a stream of steps."""

from collections.abc import Sequence
from typing import Any, Final, cast

from llmgateway.canon.chat import ChatChunk, Json
from llmgateway.canon.shapes import objects
from llmgateway.dataplane.lookup.cache import CachedAnswer
from llmgateway.providers.base import Answer, Step

_SPOKEN_FIRST: Final = (
    "reasoning_content", "reasoning_summary", "thinking_blocks", "content", "refusal", "annotations", "provider_blocks",
)  # fmt: skip
_SAID_APART: Final = frozenset({"role", "tool_calls"})


def answer_of(entry: CachedAnswer) -> Answer:
    """The whole answer, without its first id and time: each caller gets its own."""
    body = {**entry.body, **{name: empty for name, empty in (("id", ""), ("created", 0)) if name in entry.body}}
    return Answer(body=body, usage=entry.usage, finish=entry.finish, text=entry.text)


class Replay:
    """A kept chat answer as a running one: the same face as a stream of a provider."""

    native = False
    spoken: Sequence[ChatChunk] = ()

    def __init__(self, entry: CachedAnswer) -> None:
        self._left = [_steps(entry)]

    async def next(self) -> Sequence[Step]:
        """All steps at once, then the end."""
        return self._left.pop() if self._left else ()

    async def release(self) -> None:
        """Nothing is held."""

    def close(self) -> None:
        """Nothing is held."""


def _steps(entry: CachedAnswer) -> list[Step]:
    body = entry.body
    head = {"id": "", "object": "chat.completion.chunk", "created": 0, "model": body.get("model", "")}
    extra = {name: body[name] for name in ("service_tier", "system_fingerprint", "citations") if body.get(name)}
    steps: list[Step] = []
    for choice in objects(body.get("choices")):
        index: int = choice.get("index", 0)
        steps += [
            _step({**head, **extra}, {"index": index, "delta": delta, "finish_reason": None}, content=True)
            for delta in _deltas(cast("Json", choice["message"]))
        ]
        rest = {
            name: choice[name] for name in ("logprobs", "native_finish_reason", "stop_sequence") if choice.get(name)
        }
        end: Json = {"index": index, "delta": {}, "finish_reason": choice.get("finish_reason"), **rest}
        steps.append(_step({**head, **extra}, end, content=False))
    usage = cast("ChatChunk", {**head, "choices": [], "usage": body.get("usage")})
    steps.append(Step(chunk=usage, usage=entry.usage, finish=entry.finish, usage_only=True))
    return steps


def _deltas(message: Json) -> list[Json]:
    """The message in the order in which models speak: thoughts, text, calls."""
    first: Json = {"role": "assistant"}
    names = (*_SPOKEN_FIRST, *(name for name in message if name not in _SPOKEN_FIRST))
    deltas: list[Json] = [{name: message[name]} for name in names if message.get(name) and name not in _SAID_APART]
    calls: list[Any] = message.get("tool_calls") or []
    deltas += [{"tool_calls": [{"index": index, **call}]} for index, call in enumerate(calls)]
    if not deltas:
        return [{**first, "content": ""}]
    return [{**first, **deltas[0]}, *deltas[1:]]


def _step(head: Json, choice: Json, *, content: bool) -> Step:
    chunk = cast("ChatChunk", {**head, "choices": [choice]})
    return Step(chunk=chunk, content=content, finish=choice["finish_reason"])
