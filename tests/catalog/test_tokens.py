"""Counting tokens without asking anybody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.canon.chat import Json
from llmgateway.catalog.tokens import Tokenizer

TOKENIZER = Tokenizer()


@pytest.mark.parametrize(
    ("text", "model", "tokens"),
    [
        ("", "gpt-4.1", 0),
        ("hello world", "gpt-4.1", 2),
        ("tiktoken is great!", "gpt-4o", 6),
        ("tiktoken is great!", "gpt-4", 6),
        ("antidisestablishmentarianism", "gpt-4o", 6),
        ("antidisestablishmentarianism", "gpt-4-turbo", 6),
        ("お誕生日おめでとう", "gpt-4o", 8),
        ("お誕生日おめでとう", "gpt-4", 9),
        ("お誕生日おめでとう", "openai/gpt-3.5-turbo", 9),
        ("お誕生日おめでとう", "text-embedding-3-small", 9),
    ],
)
def test_counts_as_openai_does(text: str, model: str, tokens: int) -> None:
    """The figures of OpenAI's cookbook, "How to count tokens with tiktoken"."""
    assert TOKENIZER.count_text(text, model) == tokens


def test_other_makers_models_are_estimated_with_the_newer_vocabulary() -> None:
    text = "お誕生日おめでとう"
    assert TOKENIZER.count_text(text, "claude-sonnet-4-5") == TOKENIZER.count_text(text, "gpt-4o")


@pytest.mark.parametrize("text", ["<|endoftext|>", "a<|im_start|>b", "\x00\u0301👩‍👩‍👧‍👦"])
def test_special_tokens_and_odd_characters_are_text(text: str) -> None:
    assert TOKENIZER.count_text(text, "gpt-4.1") > 2


@given(st.text())
def test_any_text_can_be_counted(text: str) -> None:
    assert 0 <= TOKENIZER.count_text(text, "gpt-4.1") <= len(text.encode())


def test_a_very_long_text_is_estimated_from_samples() -> None:
    text = "The quick brown fox jumps over the lazy dog. " * 40_000
    assert TOKENIZER.count_text(text, "gpt-4.1") == pytest.approx(400_000, rel=0.02)


def test_many_texts_are_estimated_from_some_of_them() -> None:
    texts = ["The quick brown fox jumps over the lazy dog. " * 100] * 2_000
    assert TOKENIZER.count_prompt({"input": texts}, "gpt-4.1") == pytest.approx(2_000_000, rel=0.02)


@pytest.mark.parametrize(
    ("given_input", "tokens"),
    [("hello world", 2), (["hello world", "hello"], 3), ([1, 2, 3], 3), ([[1, 2], [3]], 3), ([], 0), (None, 0)],
)
def test_embeddings(given_input: object, tokens: int) -> None:
    assert TOKENIZER.count_prompt({"input": given_input}, "text-embedding-3-small") == tokens


def test_legacy_completions() -> None:
    assert TOKENIZER.count_prompt({"prompt": "hello world"}, "gpt-3.5-turbo-instruct") == 2


def count(*parts: Json) -> int:
    return TOKENIZER.count_prompt({"messages": [{"role": "user", "content": list(parts)}]}, "gpt-4.1")


EMPTY = count()


def test_a_chat_counts_its_texts_and_what_stands_around_them() -> None:
    """The cookbook's own rule: three tokens a message and three for the answer."""
    chat = {"messages": [{"role": "system", "content": "hello world"}, {"role": "user", "content": "hello world"}]}
    counted = TOKENIZER.count_prompt(chat, "gpt-4.1")
    assert 3 + 2 * (3 + 2) <= counted <= 3 + 2 * (3 + 2) + 2  # the texts are counted in one go, line ends between them


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        ({"type": "image_url", "image_url": {"url": "https://a/b.png"}}, 765),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}, 765),
        ({"type": "image_url", "image_url": {"url": "https://a/b.png", "detail": "low"}}, 85),
        ({"type": "input_audio", "input_audio": {"data": "A" * 64_000, "format": "wav"}}, 2 * 32),
        ({"type": "input_audio", "input_audio": {"data": "A" * 64_000, "format": "mp3"}}, 4 * 32),
        ({"type": "file", "file": {"file_data": "A" * 100_000}}, 2 * 2_000),
        ({"type": "file", "file": {"file_id": "file-1"}}, 2_000),
        ({"type": "input_audio"}, 32),
    ],
)
def test_what_is_no_text_is_counted_by_a_rule_of_thumb(part: Json, tokens: int) -> None:
    assert count(part) - EMPTY == tokens


def test_tools_schemas_and_calls_count() -> None:
    message: Json = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
    }
    plain = TOKENIZER.count_prompt({"messages": [{"role": "assistant"}]}, "gpt-4.1")
    called = TOKENIZER.count_prompt({"messages": [message]}, "gpt-4.1")
    tool: Json = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    with_tools = TOKENIZER.count_prompt({"messages": [message], "tools": [tool]}, "gpt-4.1")
    with_schema = TOKENIZER.count_prompt(
        {"messages": [message], "tools": [tool], "response_format": {"type": "json_object"}}, "gpt-4.1"
    )
    assert plain < called < with_tools < with_schema


@pytest.mark.parametrize("canon", [{"messages": None}, {"messages": [{"role": "user", "content": 5}]}, {}])
def test_a_body_of_the_wrong_shape_is_counted_all_the_same(canon: Json) -> None:
    assert TOKENIZER.count_prompt(canon, "gpt-4.1") <= 7


def test_nobody_knows_which_words_of_a_long_prompt_are_counted() -> None:
    """Who did could pay for blanks while the provider reads words, and leave before it tells."""
    dense, blank = "qxz jvk " * 250, " " * 2_000

    def counted(*draws: float) -> list[int]:
        return [Tokenizer(lambda draw=draw: draw).count_text((blank + dense) * 500, "gpt-4.1") for draw in draws]

    assert len(set(counted(0.0, 0.2, 0.4, 0.6, 0.8))) > 1
    texts = [dense if place % 61 else blank for place in range(2_000)]
    [lucky, usual] = [
        Tokenizer(lambda draw=draw: draw).count_prompt({"input": texts}, "gpt-4.1") for draw in (0.0, 0.5)
    ]
    assert lucky < usual / 10


def test_of_a_few_huge_texts_any_may_be_the_one_that_is_counted() -> None:
    texts = ["a", *["The quick brown fox jumps over the lazy dog. " * 20_000] * 3]
    assert Tokenizer(lambda: 0.9).count_prompt({"input": texts}, "gpt-4.1") == pytest.approx(600_000, rel=0.02)


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ({"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sql", "input": "hello world " * 50}}]}, {}),
        ({"function_call": {"name": "f", "arguments": "hello world " * 50}}, {}),
        ({}, {"functions": [{"name": "f", "description": "hello world " * 50}]}),
    ],
)
def test_calls_and_functions_in_their_other_forms_are_read_and_count(message: Json, fields: Json) -> None:
    chat = {"messages": [{"role": "assistant", "content": None, **message}], **fields}
    assert TOKENIZER.count_prompt(chat, "gpt-4.1") > 100
