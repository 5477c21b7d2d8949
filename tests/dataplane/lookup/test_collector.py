"""A stream as it went to the caller, put together to be kept."""

from dataclasses import replace

from llmgateway.canon.call import Dialect
from llmgateway.dataplane.lookup.collector import Collector
from llmgateway.providers.bedrock.declaration import BEDROCK
from llmgateway.providers.hosts.openai import OPENAI
from tests.dataplane.routing import Routing, chat
from tests.providers.bedrock_building import CLAUDE, SAID, in_frames
from tests.providers.calls import chat as bedrock_chat
from tests.providers.openai_building import deltas
from tests.providers.streams import decoded


def test_what_a_caller_got_in_another_framing_than_it_came_is_kept_too() -> None:
    """Claude on Bedrock comes in Amazon's frames, and callers of Anthropic's dialect get Anthropic's."""
    claude = BEDROCK.language(CLAUDE)
    call = bedrock_chat({"max_tokens": 5, "stream": True}, Dialect.ANTHROPIC)
    collector, target = Collector(call), replace(Routing().plan().targets[0], provider=claude)
    collector.note(decoded(claude.decoder(call, native=True), in_frames(SAID)), target, native=True, came=1)
    answer = collector.answer()
    assert answer is not None
    assert (answer.text, answer.finish) == ("Hi", "stop")


def test_a_long_stream_is_read_in_slices_and_nothing_is_lost() -> None:
    words = [f"{number} " for number in range(3_000)]
    stream = deltas(*({"content": word} for word in words))
    assert len(stream) > 3 << 16
    call, target = chat(stream=True), replace(Routing().plan().targets[0], provider=OPENAI)
    collector = Collector(call)
    collector.note(decoded(OPENAI.decoder(call, native=True), stream), target, native=True, came=len(stream))
    answer = collector.answer()
    assert answer is not None
    assert answer.text == "".join(words)


def test_an_event_that_is_too_long_to_be_read_again_is_not_kept_and_breaks_nothing() -> None:
    stream = deltas({"content": "x" * (17 << 20)})
    call, target = chat(stream=True), replace(Routing().plan().targets[0], provider=OPENAI)
    collector = Collector(call)
    collector.note(decoded(OPENAI.decoder(call, native=True), stream), target, native=True, came=len(stream))
    assert collector.answer() is None
