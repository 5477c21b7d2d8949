"""Claude on Bedrock for callers of its own dialect: what InvokeModel takes of a Messages body and of its flags."""

import msgspec
import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Dialect, Wishes
from llmgateway.canon.chat import Json
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.bedrock.declaration import BEDROCK
from tests.providers.bedrock_building import CLAUDE, NOVA, PLACE, SAID, built, in_frames
from tests.providers.calls import HELLO, chat
from tests.providers.streams import completion, decoded

THINKING, CONTEXT = "interleaved-thinking-2025-05-14", "context-management-2025-06-27"


def test_claude_speaks_the_dialect_of_anthropic_by_invoke() -> None:
    claude = BEDROCK.language(CLAUDE)
    call = replace(
        chat({"max_tokens": 5, "stream": True}, Dialect.ANTHROPIC),
        wishes=Wishes(forward={"anthropic-version": "2023-06-01", "anthropic-beta": f"{THINKING}, {CONTEXT}"}),
    )
    assert claude.speaks(call)
    assert not claude.refuses(call, CLAUDE)
    request = claude.build(call, replace(PLACE, model=CLAUDE, stream=True))
    assert request.url.endswith("v1%3A0/invoke-with-response-stream")
    assert msgspec.json.decode(request.body) == {
        "messages": [HELLO],
        "max_tokens": 5,
        "anthropic_version": "bedrock-2023-05-31",
        "anthropic_beta": [THINKING, CONTEXT],
    }
    assert claude.build(call, replace(PLACE, model=CLAUDE)).url.endswith("/invoke")
    assert not BEDROCK.language(NOVA).speaks(call)


def test_a_last_message_of_the_assistant_ends_in_no_white_space_where_claude_reads_it() -> None:
    history = {"messages": [HELLO, {"role": "assistant", "content": "1, 2, "}]}
    assert built(history, CLAUDE)["messages"][-1]["content"] == [{"text": "1, 2,"}]
    assert built(history, NOVA)["messages"][-1]["content"] == [{"text": "1, 2, "}]


@pytest.mark.parametrize("native", [True, False])
def test_what_was_asked_by_invoke_is_read_so_in_either_manner(native: bool) -> None:
    claude, call = BEDROCK.language(CLAUDE), chat({"max_tokens": 5}, Dialect.ANTHROPIC)
    steps = decoded(claude.decoder(call, native=native), in_frames(SAID))
    assert "".join(step.text for step in steps) == "Hi"
    join = claude.join(call)
    assert join is not None
    if native:
        answer = claude.read(call, UpstreamReply(200, {}, join(steps)))
        assert (answer.text, answer.finish) == ("Hi", "stop")
    else:
        assert completion(steps)["message"]["content"] == "Hi"


def test_flags_that_bedrock_does_not_know_are_left_out_and_named() -> None:
    """One unknown flag is a 400 for the whole request there, and Claude Code sends a handful."""
    claude = BEDROCK.language(CLAUDE)
    flags = f"claude-code-20250219,{THINKING},prompt-caching-scope-2026-01-05"
    call = replace(chat({"max_tokens": 5}, Dialect.ANTHROPIC), wishes=Wishes(forward={"anthropic-beta": flags}))
    assert list(claude.refuses(call, CLAUDE)) == [
        "anthropic-beta.claude-code-20250219",
        "anthropic-beta.prompt-caching-scope-2026-01-05",
    ]
    sent = msgspec.json.decode(claude.build(call, replace(PLACE, model=CLAUDE)).body)
    assert sent["anthropic_beta"] == [THINKING]


@pytest.mark.parametrize(("tier", "refused"), [("auto", []), ("standard_only", []), ("priority", ["service_tier"])])
def test_tiers_of_anthropics_own_stay_at_home(tier: str, refused: list[str]) -> None:
    claude, call = BEDROCK.language(CLAUDE), chat({"max_tokens": 5, "service_tier": tier}, Dialect.ANTHROPIC)
    assert claude.refuses(call, CLAUDE) == refused
    assert "service_tier" not in msgspec.json.decode(claude.build(call, replace(PLACE, model=CLAUDE)).body)


def test_who_shares_the_cache_cannot_be_said_and_is_named() -> None:
    marker: Json = {"type": "ephemeral", "ttl": "1h", "scope": "global"}
    text: Json = {"type": "text", "text": "a", "cache_control": marker}
    use: Json = {"type": "tool_use", "id": "t", "name": "f", "input": {"cache_control": {"scope": "mine"}}}
    said: Json = {
        "max_tokens": 5,
        "system": [text],
        "messages": [{"role": "user", "content": [text]}, {"role": "assistant", "content": [use]}],
        "tools": [{"name": "f", "input_schema": {}, "cache_control": marker}],
    }
    claude, call = BEDROCK.language(CLAUDE), chat(said, Dialect.ANTHROPIC)
    assert claude.refuses(call, CLAUDE) == ["cache_control.scope"]
    sent = msgspec.json.decode(claude.build(call, replace(PLACE, model=CLAUDE)).body)
    kept = {"type": "ephemeral", "ttl": "1h"}
    assert (sent["system"][0]["cache_control"], sent["tools"][0]["cache_control"]) == (kept, kept)
    assert sent["messages"][0]["content"][0]["cache_control"] == kept
    assert sent["messages"][1]["content"] == [use]
    assert marker["scope"] == "global"
