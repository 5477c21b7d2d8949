"""What a running answer has said, as the next target is told."""

from dataclasses import replace
from typing import cast

from llmgateway.canon.call import Dialect
from llmgateway.canon.chat import ChatChunk
from llmgateway.dataplane.dispatch.transcript import Transcript
from llmgateway.providers.base import Step
from llmgateway.providers.bedrock.declaration import BEDROCK
from tests.dataplane.routing import Routing, chat
from tests.providers.bedrock_building import CLAUDE, SAID, in_frames
from tests.providers.calls import chat as bedrock_chat
from tests.providers.streams import decoded


def test_what_was_said_does_not_grow_when_another_goes_on() -> None:
    transcript = Transcript(chat(), Routing().plan().targets[0], native=False)
    transcript.note([_step("one ")], 4)
    said = transcript.said()
    assert said is not None
    transcript.note([_step("two")], 7)
    assert [chunk["choices"][0]["delta"] for chunk in said.chunks] == [{"content": "one "}]
    both = transcript.said()
    assert both is not None
    assert both.text == "one two"


def test_what_a_caller_got_in_another_framing_than_it_came_is_read_again() -> None:
    """Claude on Bedrock comes in Amazon's frames, and callers of Anthropic's dialect get Anthropic's."""
    claude = BEDROCK.language(CLAUDE)
    call = bedrock_chat({"max_tokens": 5, "stream": True}, Dialect.ANTHROPIC)
    transcript = Transcript(call, replace(Routing().plan().targets[0], provider=claude), native=True)
    transcript.note(decoded(claude.decoder(call, native=True), in_frames(SAID[:3])), 1)
    said = transcript.said()
    assert said is not None
    assert said.text == "Hi"


def _step(text: str) -> Step:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return Step(chunk=cast("ChatChunk", chunk))
