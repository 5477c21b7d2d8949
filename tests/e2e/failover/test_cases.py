"""Twenty-two ways in which a provider fails, and what the caller notices of each."""

import json
import time

import httpx2
import pytest

from tests.e2e.failover.conftest import Theatre, Told
from tests.upstreams.wires import TEXT, WORDS

pytestmark = pytest.mark.slow

WIRES = pytest.mark.parametrize("wire", ["openai", "anthropic"])
STREAMED = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
DIALECTS = pytest.mark.parametrize("dialect", ["openai", "anthropic"], ids=["to_openai", "to_anthropic"])


def _is_whole(told: Told) -> None:
    assert told.error is None
    assert told.status == 200
    assert told.text == TEXT
    assert told.finished


def _asked(theatre: Theatre, part: str) -> int:
    return sum(count for model, count in theatre.provider.asked.items() if model == part)


@WIRES
@STREAMED
def test_1_a_short_retry_after_is_honoured(theatre: Theatre, wire: str, *, stream: bool) -> None:
    theatre.provider.asked.clear()
    told = theatre.ask(wire, "limited_once", stream=stream)
    _is_whole(told)
    assert _asked(theatre, "limited_once-limited_once") == 2
    assert theatre.event(told)["served_model"] == "limited_once-limited_once"


@WIRES
@STREAMED
def test_1_a_long_retry_after_is_left_to_the_next_target(theatre: Theatre, wire: str, *, stream: bool) -> None:
    theatre.provider.asked.clear()
    _is_whole(theatre.ask(wire, "limited_long", stream=stream))
    assert _asked(theatre, "limited_long-limited_long") <= 1


@WIRES
@STREAMED
@pytest.mark.parametrize("fault", ["limited", "down"])
def test_2_and_4_what_fails_for_ever_is_asked_a_few_times_only(
    theatre: Theatre, wire: str, fault: str, *, stream: bool
) -> None:
    theatre.provider.asked.clear()
    _is_whole(theatre.ask(wire, fault, stream=stream))
    assert _asked(theatre, f"{fault}-{fault}") <= 3


@WIRES
@STREAMED
def test_3_one_500_is_one_retry_on_the_same_target(theatre: Theatre, wire: str, *, stream: bool) -> None:
    theatre.provider.asked.clear()
    told = theatre.ask(wire, "failing_once", stream=stream)
    _is_whole(told)
    assert _asked(theatre, "failing_once-failing_once") == 2
    assert told.headers["x-llmgateway-model"] == "failing_once-failing_once"


@WIRES
@STREAMED
@pytest.mark.parametrize(
    "fault", ["reset", "unnamed", "untrusted", "drip", "nocredit", "lowcredit", "badkey", "unpaid", "forbidden"]
)
def test_5_17_19_20_who_cannot_serve_is_replaced(theatre: Theatre, wire: str, fault: str, *, stream: bool) -> None:
    told = theatre.ask(wire, fault, stream=stream)
    _is_whole(told)
    assert told.headers["x-llmgateway-model"] == "good-2"


@WIRES
def test_17_the_operator_is_told_of_an_empty_account(theatre: Theatre, wire: str) -> None:
    told = theatre.ask(wire, "lowcredit", stream=False)
    _is_whole(told)
    assert theatre.event(told)["cost_usd"] == "0.000129000"
    log = (theatre.gateway.data_dir / "gateway.log").read_text()
    said = {"openai": "exceeded your current quota", "anthropic": "credit balance is too low"}[wire]
    assert any(said in line and "warning" in line for line in log.splitlines())


@WIRES
@STREAMED
@pytest.mark.parametrize("fault", ["silent", "late", "opened"])
def test_6_and_7_a_silent_route_is_asked_once(theatre: Theatre, wire: str, fault: str, *, stream: bool) -> None:
    theatre.provider.asked.clear()
    began = time.monotonic()
    _is_whole(theatre.ask(wire, fault, stream=stream))
    assert _asked(theatre, f"{fault}-{fault}") <= 1
    assert time.monotonic() - began < 30  # no deadline: the route would be silent for an hour


@WIRES
@STREAMED
@DIALECTS
@pytest.mark.parametrize("case", ["cut", "cut_continued", "cut_unprefilled", "stall", "halved"])
def test_8_9_14_a_broken_answer_is_made_whole(
    theatre: Theatre, wire: str, case: str, dialect: str, *, stream: bool
) -> None:
    told = theatre.ask(wire, case, stream=stream, dialect=dialect)
    _is_whole(told)
    event = theatre.event(told)
    assert event["outcome"] == "finished"
    assert event["served_model"].endswith("-2")
    assert event["attempts"][-1]["outcome"] == "ok"
    assert all(attempt["outcome"] != "ok" for attempt in event["attempts"][:-1])


@WIRES
@pytest.mark.parametrize(("case", "served"), [("begun_once", "good-2"), ("begun_once_alone", "begun_once")])
def test_8_what_ends_before_its_first_word_is_left_to_the_next_target_or_asked_again(
    theatre: Theatre, wire: str, case: str, served: str
) -> None:
    theatre.provider.asked.clear()
    told = theatre.ask(wire, case, stream=True)
    _is_whole(told)
    assert theatre.event(told)["served_model"].startswith(served)


def test_8_the_usage_of_a_stream_made_whole_is_told_once_and_last(theatre: Theatre) -> None:
    body = {"model": "openai.cut", "messages": [{"role": "user", "content": "Go"}], "stream": True}
    response = httpx2.post(
        f"{theatre.gateway.url}/v1/chat/completions",
        json={**body, "stream_options": {"include_usage": True}},
        headers={"authorization": f"Bearer {theatre.gateway.key}"},
        timeout=40,
    )
    *chunks, last = [json.loads(line[6:]) for line in response.text.split("\n") if line.startswith("data: {")]
    assert all(chunk["choices"] and not chunk.get("usage") for chunk in chunks)
    assert (last["choices"], last["usage"]["completion_tokens"]) == ([], len(WORDS))


@WIRES
@STREAMED
@DIALECTS
@pytest.mark.parametrize("case", ["cut_alone", "stall_alone", "halved_alone"])
def test_8_and_9_without_a_fallback_a_broken_answer_is_told(
    theatre: Theatre, wire: str, case: str, dialect: str, *, stream: bool
) -> None:
    told = theatre.ask(wire, case, stream=stream, dialect=dialect)
    assert told.error is not None
    assert not told.finished
    event = theatre.event(told)
    assert event["outcome"] == "failed"
    assert "ok" not in [attempt["outcome"] for attempt in event["attempts"]]


@WIRES
def test_10_a_malformed_event_does_no_harm(theatre: Theatre, wire: str) -> None:
    _is_whole(theatre.ask(wire, "malformed", stream=True))


@WIRES
@STREAMED
def test_10_an_event_that_cannot_be_read_is_no_fault_of_ours(theatre: Theatre, wire: str, *, stream: bool) -> None:
    told = theatre.ask(wire, "deep", stream=stream)
    _is_whole(told)
    assert theatre.event(told)["served_model"] == "good-2"


@WIRES
@STREAMED
@pytest.mark.parametrize("fault", ["unterminated", "chattering"])
def test_11_without_a_terminator_the_answer_is_whole(theatre: Theatre, wire: str, fault: str, *, stream: bool) -> None:
    told = theatre.ask(wire, fault, stream=stream)
    _is_whole(told)
    event = theatre.event(told)
    assert event["completion_tokens"] == 60
    assert event["duration_ms"] < 8_000, "only the total time ended it"


def test_11_what_only_anthropic_says_comes_through_an_answer_that_is_put_together(theatre: Theatre) -> None:
    response = httpx2.post(
        f"{theatre.gateway.url}/v1/messages",
        json={"model": "anthropic.unterminated", "max_tokens": 500, "messages": [{"role": "user", "content": "Go"}]},
        headers={"authorization": f"Bearer {theatre.gateway.key}"},
        timeout=40,
    )
    body = response.json()
    assert body["content"] == [{"type": "text", "text": TEXT}]
    assert body["usage"] == {"input_tokens": 9, "output_tokens": 60, "service_tier": "standard"}


@STREAMED
def test_11_figures_that_come_late_are_those_that_count(theatre: Theatre, *, stream: bool) -> None:
    told = theatre.ask("openai", "figures_late", stream=stream)
    _is_whole(told)
    event = theatre.event(told)
    assert (event["usage_source"], event["completion_tokens"]) == ("provider", 60)


@WIRES
@STREAMED
def test_12_what_is_too_long_goes_to_another_model_at_once(theatre: Theatre, wire: str, *, stream: bool) -> None:
    theatre.provider.asked.clear()
    _is_whole(theatre.ask(wire, "toolong", stream=stream))
    assert _asked(theatre, "toolong-toolong") == 1


@WIRES
@STREAMED
def test_13_a_content_filter_is_final(theatre: Theatre, wire: str, *, stream: bool) -> None:
    theatre.provider.asked.clear()
    told = theatre.ask(wire, "filtered", stream=stream)
    assert told.error is not None
    assert told.error["code"] == "content_filter"
    assert "filter" in told.error["message"].lower()
    assert _asked(theatre, "good-2") == 0
    assert _asked(theatre, "filtered-filtered") == 1


@WIRES
@STREAMED
def test_13_an_answer_that_a_filter_ends_is_not_asked_for_elsewhere(
    theatre: Theatre, wire: str, *, stream: bool
) -> None:
    theatre.provider.asked.clear()
    told = theatre.ask(wire, "censored", stream=stream)
    assert (told.error, told.text) == (None, "".join(WORDS[:10]))
    assert told.finish == "content_filter"
    assert _asked(theatre, "good-2") == 0


@WIRES
@DIALECTS
def test_13_a_filter_that_breaks_an_answer_off_is_named(theatre: Theatre, wire: str, dialect: str) -> None:
    theatre.provider.asked.clear()
    told = theatre.ask(wire, "interrupted", stream=True, dialect=dialect)
    assert told.error is not None
    assert (told.error["code"], told.text, told.finished) == ("content_filter", "".join(WORDS[:10]), False)
    assert _asked(theatre, "good-2") == 0


@WIRES
def test_15_a_flapping_provider_is_left_alone_and_comes_back(theatre: Theatre, wire: str) -> None:
    theatre.provider.ill.add("flap-flap")
    for _ in range(4):
        _is_whole(theatre.ask(wire, "flap", stream=False))
    theatre.provider.asked.clear()
    for _ in range(5):
        _is_whole(theatre.ask(wire, "flap", stream=False))
    assert _asked(theatre, "flap-flap") <= 3, "an open circuit is not hammered"
    theatre.provider.ill.clear()
    deadline = time.monotonic() + 30
    while theatre.ask(wire, "flap", stream=False).headers["x-llmgateway-model"] != "flap-flap":
        assert time.monotonic() < deadline
        time.sleep(0.2)


@WIRES
@STREAMED
def test_16_the_fallback_is_named_and_alone_is_paid(theatre: Theatre, wire: str, *, stream: bool) -> None:
    told = theatre.ask(wire, "down", stream=stream)
    event = theatre.event(told)
    assert (event["provider"], event["served_model"]) == (wire, "good-2")
    assert (event["prompt_tokens"], event["completion_tokens"]) == (9, 60)
    assert event["cost_usd"] == "0.000129000"


@WIRES
@STREAMED
def test_18_when_all_are_down_one_error_lists_the_attempts(theatre: Theatre, wire: str, *, stream: bool) -> None:
    told = theatre.ask(wire, "all_down", stream=stream)
    assert told.status == 502
    assert told.error is not None
    assert {attempt["model"] for attempt in told.error["attempts"]} >= {"reset-2"}
    alone = theatre.ask(wire, "down_alone", stream=stream)
    assert alone.status == 503


@WIRES
def test_21_a_client_that_leaves_is_not_served_on(theatre: Theatre, wire: str) -> None:
    headers = {"authorization": f"Bearer {theatre.gateway.key}"}
    body = {"model": f"{wire}.endless", "stream": True, "messages": [{"role": "user", "content": "Go"}]}
    url = f"{theatre.gateway.url}/v1/chat/completions"
    with httpx2.stream("POST", url, json=body, headers=headers, timeout=10) as response:
        next(response.iter_bytes())
        request_id = response.headers["x-request-id"]
    deadline = time.monotonic() + 5
    while theatre.provider.answering["endless-endless"]:
        assert time.monotonic() < deadline, "the upstream goes on without a reader"
        time.sleep(0.05)
    assert theatre.gateway.usage(request_id)["outcome"] == "abandoned"
