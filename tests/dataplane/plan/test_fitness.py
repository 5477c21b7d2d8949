"""Who can serve a call: what its body asks for, against what is known of each target."""

import json

import pytest
from msgspec.structs import replace

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import BadRequest
from tests.dataplane.routing import Routing, alias, chat, lab, reasons

GPT, CLAUDE, OSS = "openai/gpt-4.1", "anthropic/claude-sonnet-4-5", "groq/openai/gpt-oss-20b"
GEMINI = "gemini-2.5-flash"
PICTURE = [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}


def test_a_model_without_eyes_is_passed_over_for_a_picture() -> None:
    plan = Routing().plan(chat(content=PICTURE))
    assert [target.name for target in plan.targets] == [GPT, CLAUDE]
    [passed] = [step for step in plan.steps if step.passed_over]
    assert (passed.target, passed.why) == (OSS, "is known to lack vision")


def test_nobody_else_left_means_that_the_provider_itself_is_asked() -> None:
    assert Routing().names(chat(OSS, PICTURE)) == [OSS]


def test_a_prompt_that_is_too_long_goes_where_there_is_room() -> None:
    plan = Routing().plan(tokens=300_000)
    assert [target.name for target in plan.targets] == [GPT]
    assert reasons(plan)[CLAUDE] == "has room for 200,000 tokens, the call needs 300,001"


def test_the_answers_room_counts_too() -> None:
    assert OSS not in Routing().names(chat(max_tokens=40_000), tokens=100_000)
    assert OSS in Routing().names(chat(max_tokens=4_000), tokens=100_000)


def test_the_operators_word_about_room_wins() -> None:
    routing = Routing(alias(lab(0, context=1_000), {"provider": "openai", "model": "gpt-4.1"}))
    assert routing.names(tokens=2_000) == [GPT]
    assert routing.names(tokens=500) == ["lab0/m", GPT]


def test_what_nobody_knows_of_is_tried() -> None:
    call = chat(content=PICTURE, tools=[{"type": "function", "function": {"name": "f"}}], response_format=SCHEMA)
    assert Routing(alias(lab(0), lab(1))).names(call) == ["lab0/m", "lab1/m"]


def test_a_server_of_ones_own_may_hold_any_model_to_a_schema() -> None:
    own = {"provider": "lab0", "model": "llama-3.1-8b"}
    assert Routing(alias(own, lab(1))).names(chat(response_format=SCHEMA)) == ["lab0/llama-3.1-8b", "lab1/m"]


@pytest.mark.parametrize(
    ("file", "passed"),
    [({"file_data": "data:application/pdf;base64,AA=="}, True), ({"file_data": "data:text/plain;base64,AA=="}, False)],
)
def test_only_a_pdf_asks_for_a_reader_of_documents(file: dict[str, str], *, passed: bool) -> None:
    own = {"provider": "lab0", "model": "llama-3.1-8b"}
    routing = Routing(alias(own, lab(1)))
    plan = routing.plan(chat(content=[{"type": "file", "file": file}]))
    assert ("lab0/llama-3.1-8b" in [step.target for step in plan.steps if step.passed_over]) is passed


def test_a_target_that_cannot_honour_a_parameter_is_passed_over() -> None:
    plan = Routing().plan(chat(logit_bias={"1": 2.0}))
    assert reasons(plan)[CLAUDE] == "cannot honour logit_bias"
    assert CLAUDE not in [target.name for target in plan.targets]


def test_none_left_to_honour_it_is_a_400_that_says_what_none_can_do() -> None:
    with pytest.raises(BadRequest, match="anthropic/claude-sonnet-4-5 cannot honour logit_bias") as refused:
        Routing().plan(chat(CLAUDE, logit_bias={"1": 2.0}))
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "logit_bias")


def test_a_callers_one_field_that_says_two_things_is_named_once() -> None:
    body = {"model": CLAUDE, "input": "Hi", "top_logprobs": 2}
    call = ResponsesDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
    with pytest.raises(BadRequest, match=r"cannot honour top_logprobs\. Leave it out") as refused:
        Routing().plan(call)
    assert refused.value.param == "top_logprobs"


def test_what_may_be_dropped_is_dropped_and_named() -> None:
    plan = Routing().plan(chat(CLAUDE, logit_bias={"1": 2.0}, drop=True))
    assert plan.targets[0].dropped == {"logit_bias"}


def test_nothing_is_dropped_where_another_target_honours_it() -> None:
    plan = Routing().plan(chat(logit_bias={"1": 2.0}, drop=True))
    assert CLAUDE not in [target.name for target in plan.targets]
    assert reasons(plan)[CLAUDE] == "cannot honour logit_bias"
    assert not any(target.dropped for target in plan.targets)


def test_a_picture_goes_to_who_can_see_it_before_anybody_leaves_it_out() -> None:
    nova, gemini = {"provider": "bedrock", "model": "amazon.nova-pro-v1:0"}, {"provider": "gemini", "model": GEMINI}
    keys = {"AWS_BEARER_TOKEN_BEDROCK": "b", "AWS_REGION": "us-east-1", "GEMINI_API_KEY": "g"}
    routing = Routing(alias(nova, gemini), environment=keys)
    assert routing.names(chat(content=PICTURE, drop=True)) == [f"gemini/{GEMINI}"]
    [alone] = Routing(alias(nova), environment=keys).plan(chat(content=PICTURE, drop=True)).targets
    assert alone.dropped == {"messages.0.content.0.type"}


@pytest.mark.parametrize(
    ("part", "advice"),
    [
        (PICTURE[0], "send the content itself, in base64"),
        ({"type": "file", "file": {"file_url": "https://example.com/a.pdf"}}, "send the content itself, in base64"),
        (
            {"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}},
            "send the content itself",
        ),
        ({"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}, "Leave it out"),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}},
            "Leave it out",
        ),
    ],
)
def test_who_fetches_nothing_wants_the_content_itself(part: Json, advice: str) -> None:
    keys = {"AWS_BEARER_TOKEN_BEDROCK": "b", "AWS_REGION": "us-east-1"}
    with pytest.raises(BadRequest, match=advice):
        Routing(alias({"provider": "bedrock", "model": "amazon.nova-pro-v1:0"}), environment=keys).plan(
            chat(content=[part])
        )


def test_labels_that_change_no_answer_pass_nobody_over() -> None:
    routing = Routing()
    call = chat(user="u", metadata={"a": "b"}, store=False)
    assert routing.names(call) == routing.names()
    assert {target.name: target.dropped for target in routing.plan(call).targets}[CLAUDE] == {"metadata"}


def test_a_prediction_only_makes_an_answer_come_sooner() -> None:
    """Page: https://developers.openai.com/api/docs/guides/predicted-outputs."""
    foreseen = {"type": "content", "content": "x"}
    [alone] = Routing().plan(chat(CLAUDE, prediction=foreseen)).targets
    assert alone.dropped == {"prediction"}


def test_a_file_by_address_passes_over_who_takes_none() -> None:
    keys = {"AWS_BEARER_TOKEN_BEDROCK": "b", "AWS_REGION": "us-east-1", "ANTHROPIC_API_KEY": "a"}
    nova = {"provider": "bedrock", "model": "amazon.nova-pro-v1:0"}
    paper = [{"type": "document", "source": {"type": "url", "url": "https://x.test/a.pdf"}}]
    asked = _messages(messages=[{"role": "user", "content": paper}])
    both = alias(nova, {"provider": "anthropic", "model": "claude-sonnet-4-5"})
    assert Routing(both, environment=keys).names(asked) == [CLAUDE]
    with pytest.raises(BadRequest, match=r"cannot honour messages\.0\.content\.0\.type"):
        Routing(alias(nova), environment=keys).plan(asked)


def test_one_call_at_a_time_is_left_out_where_one_tool_is_forced_by_name() -> None:
    """The object that a client forces a tool for is the first call of it."""
    tool = {"name": "f", "input_schema": {"type": "object"}}
    once = {"disable_parallel_tool_use": True}
    forced = _messages(tools=[tool], tool_choice={"type": "tool", "name": "f", **once})
    gemini = alias({"provider": "gemini", "model": GEMINI})
    [alone] = Routing(gemini, environment={"GEMINI_API_KEY": "g"}).plan(forced).targets
    assert alone.dropped == {"parallel_tool_calls"}
    assert Routing().names(forced)[0] == GPT
    free = _messages(tools=[tool], tool_choice={"type": "auto", **once})
    with pytest.raises(BadRequest, match=r"cannot honour tool_choice\.disable_parallel_tool_use"):
        Routing(gemini, environment={"GEMINI_API_KEY": "g"}).plan(free)


def test_an_effort_without_room_for_thought_is_left_out_and_named() -> None:
    [alone] = Routing().plan(chat(CLAUDE, reasoning_effort="high", max_tokens=1_500)).targets
    assert alone.dropped == {"reasoning_effort"}
    [alone] = Routing().plan(chat(CLAUDE, reasoning_effort="high", max_tokens=2_048)).targets
    assert not alone.dropped


def test_an_effort_is_left_out_of_a_turn_whose_thoughts_did_not_come_back() -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    asked = {"role": "assistant", "tool_calls": [call]}
    signed = {**asked, "thinking_blocks": [{"type": "thinking", "thinking": "Hm", "signature": "s"}]}
    told = {"role": "tool", "tool_call_id": "call_1", "content": "5"}
    hello = {"role": "user", "content": "hello"}
    for turn, dropped in (
        ([asked, told], {"reasoning_effort"}),
        ([signed, told], set[str]()),
        ([asked, told, hello], set[str]()),
    ):
        [alone] = Routing().plan(chat(CLAUDE, reasoning_effort="low", messages=[hello, *turn])).targets
        assert alone.dropped == dropped


def test_who_thinks_comes_before_who_leaves_thinking_out() -> None:
    cohere = {"provider": "cohere", "model": "command-r-plus"}
    asked = _messages(thinking={"type": "enabled", "budget_tokens": 2_000})
    keys = {"COHERE_API_KEY": "c", "ANTHROPIC_API_KEY": "a"}
    both = alias(cohere, {"provider": "anthropic", "model": "claude-sonnet-4-5"})
    assert Routing(both, environment=keys).names(asked) == [CLAUDE]
    [alone] = Routing(alias(cohere), environment=keys).plan(asked).targets
    assert alone.dropped & {"thinking", "reasoning_effort"}


@pytest.mark.parametrize(
    ("model", "dropped"),
    [(GPT, {"thinking", "reasoning_effort"}), ("openai/gpt-5", set[str]()), ("anthropic/claude-3-haiku", set[str]())],
)
def test_thinking_is_left_out_and_named_for_models_that_are_known_not_to_think(model: str, dropped: set[str]) -> None:
    """The catalogue knows; and who owns the dialect decides by itself."""
    asked = _messages(model, thinking={"type": "adaptive"}, output_config={"effort": "high"})
    [target] = Routing().plan(asked).targets
    assert target.dropped == dropped


def test_a_schema_that_openai_is_not_strict_with_goes_to_who_is_or_is_told() -> None:
    wanted = {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert Routing().plan(_messages(output_config=wanted)).targets[0].name == CLAUDE
    [alone] = Routing().plan(_messages(GPT, output_config=wanted)).targets
    assert alone.dropped == {"response_format.json_schema.strict"}


def test_a_temperature_goes_past_a_model_that_is_known_to_refuse_it_where_another_is_left() -> None:
    thinker = {"provider": "openai", "model": "o3"}
    both = Routing(alias(thinker, {"provider": "openai", "model": "gpt-4.1"}))
    assert both.names(chat(temperature=0.2)) == [GPT]
    assert both.names(chat(temperature=1)) == ["openai/o3", GPT]
    assert both.names(_messages(temperature=0.2)) == [GPT]
    assert Routing(alias(thinker)).names(chat(temperature=0.2)) == ["openai/o3"]
    with pytest.raises(BadRequest) as refused:
        Routing(alias(thinker)).names(_messages(temperature=0.2))
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "temperature")


def test_thinking_that_is_switched_off_asks_for_nothing() -> None:
    [target] = Routing().plan(_messages(GPT, thinking={"type": "disabled"})).targets
    assert not target.dropped


def test_flags_of_clients_pass_nobody_over_and_are_named_where_they_are_left_out() -> None:
    keys = {"AWS_BEARER_TOKEN_BEDROCK": "b", "AWS_REGION": "us-east-1", "ANTHROPIC_API_KEY": "a"}
    cloud = {"provider": "bedrock", "model": "us.anthropic.claude-sonnet-4-5-20250929-v1:0"}
    routing = Routing(alias(cloud, {"provider": "anthropic", "model": "claude-sonnet-4-5"}), environment=keys)
    asked = replace(_messages(), wishes=Wishes(forward={"anthropic-beta": "claude-code-20250219"}))
    first, second = routing.plan(asked).targets
    assert (first.host.id, first.dropped) == ("bedrock", {"anthropic-beta.claude-code-20250219"})
    assert not second.dropped


def test_what_server_tools_left_without_words_passes_nobody_over_and_is_named() -> None:
    sealed: Json = {"type": "advisor_tool_result", "content": {"type": "advisor_redacted_result"}}
    said: Json = {"role": "assistant", "content": [sealed, {"type": "text", "text": "So."}]}
    hello: Json = {"role": "user", "content": "Hi"}
    plan = Routing().plan(_messages(messages=[hello, said, hello]))
    assert [target.dropped for target in plan.targets] == [
        {"server_tools.advisor_tool_result"}, set(), {"server_tools.advisor_tool_result"},
    ]  # fmt: skip


def _messages(model: str = "smart", **fields: object) -> Call:
    body: Json = {"model": model, "max_tokens": 4_000, "messages": [{"role": "user", "content": "Hi"}], **fields}
    return AnthropicDialect().read(Operation.CHAT, json.dumps(body).encode(), Wishes())
