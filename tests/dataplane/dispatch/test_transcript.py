"""What a running answer has said, as the next target is told."""

from typing import cast

from llmgateway.canon.chat import ChatChunk
from llmgateway.dataplane.dispatch.transcript import Transcript
from llmgateway.providers.base import Step
from tests.dataplane.routing import Routing, chat


def test_what_was_said_does_not_grow_when_another_goes_on() -> None:
    transcript = Transcript(chat(), Routing().plan().targets[0], native=False)
    transcript.note([_step("one ")])
    said = transcript.said()
    assert said is not None
    transcript.note([_step("two")])
    assert [chunk["choices"][0]["delta"] for chunk in said.chunks] == [{"content": "one "}]
    both = transcript.said()
    assert both is not None
    assert both.text == "one two"


def _step(text: str) -> Step:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return Step(chunk=cast("ChatChunk", chunk))
