"""What an organisation blocks, wherever it stands in a request."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.contract.snapshot import Policy
from llmgateway.dataplane.admit.policy import check
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest

POLICY = Policy(blocked_words=("tulip",))
ASKED = [{"role": "user", "content": "hi"}]
TOOL = {"name": "f", "description": "Finds a tulip", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "system", "content": "a TULIP"}, *ASKED]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "tulip."}]}]},
        {"messages": ASKED, "tools": [{"type": "function", "function": TOOL}]},
        {"messages": ASKED, "functions": [TOOL]},
    ],
)
def test_a_blocked_word_is_found_anywhere_in_a_chat(body: dict[str, Any]) -> None:
    _refused(OpenAIDialect(), body)


@pytest.mark.parametrize(
    "body",
    [
        {"max_tokens": 5, "system": "tulip", "messages": ASKED},
        {
            "max_tokens": 5,
            "messages": ASKED,
            "tools": [{"name": "f", "description": "tulip", "input_schema": {"type": "object"}}],
        },
    ],
)
def test_a_blocked_word_is_found_anywhere_in_a_message(body: dict[str, Any]) -> None:
    _refused(AnthropicDialect(), body)


@pytest.mark.parametrize("body", [{"input": "a tulip"}, {"input": "hi", "instructions": "tulip"}])
def test_a_blocked_word_is_found_anywhere_in_a_response(body: dict[str, Any]) -> None:
    _refused(ResponsesDialect(), body)


def test_other_words_and_pictures_are_not_looked_into() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,tulip"}}
    body = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "tulips"}, picture]}]}
    check(POLICY, OpenAIDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes()), 1)


def _refused(dialect: OpenAIDialect | AnthropicDialect | ResponsesDialect, body: dict[str, Any]) -> None:
    call = dialect.read(Operation.CHAT, msgspec.json.encode({"model": "m", **body}), Wishes())
    with pytest.raises(BadRequest) as refusal:
        check(POLICY, call, 1)
    assert refusal.value.code == "policy_violation"
    assert "tulip" not in refusal.value.message
