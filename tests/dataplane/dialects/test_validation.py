"""Refusals of shapes: the field is named, and what it may be is listed."""

import json

import pytest

from llmgateway.canon.call import Operation, Wishes
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.errors import BadRequest


@pytest.mark.parametrize("text", ["\\ud83d", "a\\uD83Dz", "\\ude00"])
def test_half_of_a_character_is_called_so(text: str) -> None:
    with pytest.raises(BadRequest, match="half of a character"):
        OpenAIDialect().read(Operation.CHAT, b'{"model": "' + text.encode() + b'"}', Wishes())


def test_whole_characters_in_another_mistake_are_not_blamed() -> None:
    with pytest.raises(BadRequest, match="not valid JSON"):
        OpenAIDialect().read(Operation.CHAT, b'{"model": "\\ud83d\\ude00",}', Wishes())


def test_a_bare_text_among_parts_is_a_part_of_text_in_canon_and_stays_as_it_was_in_the_body() -> None:
    content = [{"type": "text", "text": "see"}, "IMPORTANT"]
    body = {"model": "m", "messages": [{"role": "system", "content": ["rules"]}, {"role": "user", "content": content}]}
    call = OpenAIDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    texts = [[part["text"] for part in message["content"]] for message in call.canon["messages"]]
    assert texts == [["rules"], ["see", "IMPORTANT"]]
    assert call.body == body


@pytest.mark.parametrize(
    ("operation", "body", "path", "allowed"),
    [
        (
            Operation.EMBEDDINGS,
            {"model": "m", "input": "x", "encoding_format": "hex"},
            "encoding_format",
            "one of base64, float",
        ),
        (
            Operation.CHAT,
            {"model": "m", "messages": [{"role": "usr", "content": "x"}]},
            "messages[0].role",
            "one of assistant, developer, function, system, tool, user",
        ),
    ],
)
def test_a_wrong_word_is_told_the_right_ones(
    operation: Operation, body: dict[str, object], path: str, allowed: str
) -> None:
    with pytest.raises(BadRequest) as refused:
        OpenAIDialect().read(operation, json.dumps(body).encode(), Wishes())
    assert refused.value.param == path
    assert allowed in refused.value.message
