"""What is reserved holds the worst answer that an honest provider can bill for, and is not absurdly more than that."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.usage import Usage
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.contract.snapshot import Budget
from llmgateway.dataplane.admit.bidding import needed
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest, PaymentRequired
from tests.dataplane.budgeted import DOLLAR, key
from tests.dataplane.routing import CATALOG, KEYS, NOON, Routing

HELLO = [{"role": "user", "content": "hello"}]
CLAUDE = "anthropic/claude-sonnet-4-5"
OWN = """
providers:
  lab: {type: openai_compatible, base_url: "http://127.0.0.1:1/v1"}
models:
  mine: {targets: [{provider: lab, model: m, price: {input: "1", output: "2"}}]}
"""
ROUTER = Routing(
    OWN, environment={**KEYS, "COHERE_API_KEY": "c", "GEMINI_API_KEY": "g", "OPENROUTER_API_KEY": "r"}
).router
TOKENIZER = Tokenizer()


def read(operation: Operation, body: Mapping[str, Any], dialect: DialectWriter | None = None) -> Call:
    return (dialect or OpenAIDialect()).read(operation, msgspec.json.encode(body), Wishes())


def reserved(call: Call) -> Need:
    prompt = TOKENIZER.count_prompt(call.canon, call.model)
    return needed(ROUTER, call, key(Budget(nanos=DOLLAR)), prompt)


def nanos(call: Call) -> int:
    need = reserved(call)
    return need.prompt_nanos + need.output_nanos


@pytest.mark.parametrize(
    ("fields", "prompt", "answers"),
    [
        ({"prompt": "hello"}, 1, 1),
        ({"prompt": ["hello"]}, 1, 1),
        ({"prompt": ["hello", "hello", "hello"]}, 3, 3),
        ({"prompt": [1, 2, 3, 4]}, 4, 1),
        ({"prompt": [[1, 2], [3, 4], [5]]}, 5, 3),
        ({"prompt": [[1, 2], "hello"]}, 3, 2),
        ({"prompt": "hello", "n": 3}, 1, 3),
        ({"prompt": ["hello", "hello"], "n": 3}, 2, 6),
        ({"prompt": "hello", "best_of": 5}, 1, 5),
        ({"prompt": ["hello", "hello"], "n": 2, "best_of": 5}, 2, 10),
        ({"prompt": ["hello", "hello"], "n": 2, "best_of": None}, 2, 4),
        ({"prompt": "hello", "suffix": "hello hello"}, 3, 1),
    ],
)
def test_completions_reserve_every_answer_that_is_written(fields: dict[str, Any], prompt: int, answers: int) -> None:
    call = read(Operation.COMPLETIONS, {"model": "mine", "max_tokens": 10, **fields})
    assert reserved(call) == Need(prompt, 10 * answers, prompt * 1_000, 10 * answers * 2_000)


def test_completions_that_write_nothing_reserve_their_prompt_alone() -> None:
    call = read(Operation.COMPLETIONS, {"model": "mine", "prompt": ["hello"] * 3, "max_tokens": 0, "echo": True})
    assert reserved(call) == Need(3, 0, 3_000, 0)


@pytest.mark.parametrize("best_of", [0, -1, "5", 1_000_000])
def test_a_best_of_that_nobody_offers_is_refused(best_of: object) -> None:
    with pytest.raises(BadRequest, match="best_of"):
        read(Operation.COMPLETIONS, {"model": "mine", "prompt": "hello", "best_of": best_of})


@pytest.mark.parametrize("inputs", ["hello", ["hello"] * 200, [1] * 200, [[1, 2]] * 100])
def test_embeddings_reserve_all_their_inputs(inputs: Any) -> None:
    call = read(Operation.EMBEDDINGS, {"model": "mine", "input": inputs})
    count = 1 if inputs == "hello" else 200
    assert reserved(call) == Need(count, 0, count * 1_000, 0)


@pytest.mark.parametrize("document", ["hello", {"text": "hello"}])
def test_who_ranks_documents_reads_the_question_with_each(document: object) -> None:
    call = read(Operation.RERANK, {"model": "mine", "query": "hello hello", "documents": [document] * 50})
    assert reserved(call) == Need(150, 0, 150_000, 0)


@pytest.mark.parametrize(
    ("documents", "units"),
    [
        (["hello"], 1),
        (["hello"] * 100, 1),
        (["hello"] * 101, 2),
        (["hello " * 1_400] * 50, 3),
        (["hello " * 99_999], 1),
    ],
)
def test_a_rerank_is_refused_rather_than_bought_without_room_for_its_searches(documents: list[str], units: int) -> None:
    """Cohere: a unit is a question and a hundred pieces of 500 tokens, $2 a thousand. No more of a document is read than 4,096."""
    call = read(Operation.RERANK, {"model": "cohere/rerank-v3.5", "query": "hello", "documents": documents})
    assert (reserved(call).prompt_nanos, reserved(call).output_nanos) == (units * 2_000_000, 0)


MARKED = [{"type": "text", "text": "word " * 2_000, "cache_control": {"type": "ephemeral"}}]
MARKED_1H = [{"type": "text", "text": "word " * 2_000, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
SEARCH = {"type": "web_search_20250305", "name": "web_search"}
SOUND = {"type": "input_audio", "input_audio": {"data": "A" * 64_000, "format": "wav"}}


def messages(**fields: Any) -> Call:
    body = {"model": CLAUDE, "max_tokens": 100, "messages": HELLO, **fields}
    return read(Operation.CHAT, body, AnthropicDialect())


def responses(**fields: Any) -> Call:
    body = {"model": "openai/gpt-5", "max_output_tokens": 100, "input": "hello", "store": False, **fields}
    return read(Operation.CHAT, body, ResponsesDialect())


def chat(model: str, **fields: Any) -> Call:
    return read(Operation.CHAT, {"model": model, "max_tokens": 100, "messages": HELLO, **fields})


WORST: list[tuple[str, Call, dict[str, int]]] = [
    ("a prompt that is kept", messages(system=MARKED), {"cache_write_tokens": 2_000}),
    ("a prompt that is kept for an hour", messages(system=MARKED_1H), {"cache_write_1h_tokens": 2_000, "cache_write_tokens": 2_000}),
    ("a whole request that is kept", messages(system="word " * 2_000, cache_control={"type": "ephemeral"}), {"cache_write_tokens": 2_000}),
    ("a tool that is kept", messages(tools=[{"name": "t", "description": "word " * 2_000, "input_schema": {"type": "object"}, "cache_control": {"type": "ephemeral"}}]), {"cache_write_tokens": 2_000}),
    ("searches of Claude's", messages(tools=[{**SEARCH, "max_uses": 7}]), {"searches": 7}),
    ("a search without a limit", messages(tools=[SEARCH]), {"searches": 1}),
    ("a prompt that OpenAI keeps unasked", chat("openai/gpt-5.6-sol", messages=[{"role": "user", "content": "word " * 2_000}]), {"cache_write_tokens": 2_000}),
    ("searches of OpenAI's", responses(tools=[{"type": "web_search"}], max_tool_calls=5), {"searches": 5}),
    ("files and code", responses(tools=[{"type": "file_search", "vector_store_ids": ["v"]}, {"type": "code_interpreter", "container": {"type": "auto"}}], max_tool_calls=3), {"file_searches": 3, "containers": 1}),
    ("sound that is heard", chat("openai/gpt-4o-audio-preview", messages=[{"role": "user", "content": [SOUND]}]), {"audio_prompt_tokens": 60}),
    ("sound that is spoken", chat("openai/gpt-4o-audio-preview", modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}), {"audio_completion_tokens": 100}),
    ("several that are spoken", chat("openai/gpt-4o-audio-preview", n=4, audio={"voice": "alloy", "format": "wav"}), {"audio_completion_tokens": 400, "completion_tokens": 400}),
    ("a picture", chat("gemini/gemini-3-pro-image-preview"), {"image_completion_tokens": 100}),
    ("a search of Google's", chat("gemini/gemini-2.5-flash", tools=[{"type": "google_search"}]), {"searches": 1}),
    ("two limits", chat("openai/gpt-4.1", max_completion_tokens=1), {}),
    ("many choices", chat("openai/gpt-4.1", n=8), {"completion_tokens": 800}),
]  # fmt: skip


@pytest.mark.parametrize(("call", "used"), [one[1:] for one in WORST], ids=[one[0] for one in WORST])
def test_the_worst_answer_has_room_in_what_is_reserved(call: Call, used: dict[str, int]) -> None:
    prompt = TOKENIZER.count_prompt(call.canon, call.model)
    provider, _, model = call.model.partition("/")
    worst = msgspec.convert({"prompt_tokens": prompt, "completion_tokens": 100, **used}, Usage)
    bill = CATALOG.price(provider, model, worst, NOON)
    assert bill is not None
    assert not bill.lacking
    assert bill.nanos <= nanos(call) <= bill.nanos * 3 // 2


def test_what_tools_may_do_needs_no_room_before_they_do_it() -> None:
    """A budget with room for the prompt is enough, as with the longest answer."""
    with_tool, without = reserved(messages(tools=[{**SEARCH, "max_uses": 7}])), reserved(messages())
    assert with_tool.prompt_nanos - without.prompt_nanos < 1_000_000
    assert with_tool.output_nanos - without.output_nanos == 70_000_000


ADVISOR = {"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-4-1"}
OPUS = messages(model="anthropic/claude-opus-4-1")


@pytest.mark.parametrize("fields", [{"tools": [ADVISOR]}, {"fallbacks": [{"model": "claude-opus-4-1"}]}])
def test_other_models_that_a_call_lets_it_use_are_held_at_the_dearest_price(fields: dict[str, Any]) -> None:
    assert nanos(messages(**fields)) >= nanos(OPUS)


def test_models_of_openrouters_to_fall_back_on_are_held_at_the_dearest_price() -> None:
    cheap, dear = "openrouter/openai/gpt-4.1-nano", "openai/gpt-4.1"
    assert nanos(chat(cheap)) < nanos(chat(cheap, models=[dear])) == nanos(chat(f"openrouter/{dear}"))
    advisor = {"type": "openrouter:advisor", "parameters": {"model": dear}}
    assert nanos(chat(cheap, tools=[advisor])) >= nanos(chat(f"openrouter/{dear}"))


def test_another_model_without_a_price_is_refused_by_its_name() -> None:
    with pytest.raises(PaymentRequired, match="openrouter/nobody/knows is not known"):
        reserved(chat("openrouter/openai/gpt-4.1-nano", models=["nobody/knows"]))
