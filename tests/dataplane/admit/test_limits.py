"""Limits: all scopes or none, words that name the limit, headers as OpenAI sends them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.contract.snapshot import KeySnapshot, Limits, OrgSnapshot
from llmgateway.dataplane.admit.limits import Limiter, Ticket, Used, duration
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.errors import TooMany
from llmgateway.kit.clock import ManualClock
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.kit.store import Claim, Verdict

START = datetime(2026, 1, 1, tzinfo=UTC)


def _key(limits: Limits = Limits(), org: Limits = Limits(), name: str = "key_1") -> KeySnapshot:  # noqa: B008 -- frozen
    return KeySnapshot(id=name, name=name, limits=limits, org=OrgSnapshot(id="org_1", slug="o", plan="p", limits=org))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def limiter(clock: ManualClock) -> Limiter:
    return Limiter(MemoryStore(clock), clock)


async def _refused(limiter: Limiter, key: KeySnapshot, prompt: int = 1, ticket: str = "refused") -> TooMany:
    with pytest.raises(TooMany) as caught:
        await limiter.admit(key, ticket, Need(prompt, 4096))
    return caught.value


async def test_without_limits_a_ticket_is_issued_and_says_nothing(limiter: Limiter) -> None:
    ticket = await limiter.admit(_key(), "t", Need(10, 4096))
    assert ticket == Ticket("t")
    await limiter.settle(ticket, Used(tokens=10))


@pytest.mark.parametrize(
    ("limits", "span", "seconds"),
    [
        (Limits(requests_per_minute=2), "2 requests a minute", 60),
        (Limits(requests_per_hour=2), "2 requests an hour", 3_600),
        (Limits(requests_per_day=2), "2 requests a day", 86_400),
    ],
)
async def test_request_limits_refuse_and_say_when(
    limiter: Limiter, clock: ManualClock, limits: Limits, span: str, seconds: int
) -> None:
    for number in range(2):
        ticket = await limiter.admit(_key(limits), f"t{number}", Need(1, 4096))
        await limiter.settle(ticket, Used())  # a failed request stays in the rate
    problem = await _refused(limiter, _key(limits))
    assert (problem.code, problem.http_status) == ("rate_limit_exceeded", 429)
    assert f"This key's limit of {span} is reached" in problem.message
    # Both in this window: half of the next must pass before one of two has faded.
    assert problem.retry_after is not None
    assert problem.retry_after == seconds * 3 / 2
    assert problem.resets_at == START + timedelta(seconds=problem.retry_after)
    clock.advance(problem.retry_after)
    await limiter.admit(_key(limits), "later", Need(1, 4096))


async def test_the_organisation_is_limited_over_all_its_keys(limiter: Limiter) -> None:
    org = Limits(requests_per_minute=2)
    await limiter.admit(_key(org=org, name="a"), "t1", Need(1, 4096))
    await limiter.admit(_key(org=org, name="b"), "t2", Need(1, 4096))
    problem = await _refused(limiter, _key(org=org, name="c"))
    assert problem.message.startswith("This organisation's limit of 2 requests a minute")


async def test_a_refusal_by_one_scope_takes_nothing_from_the_others(limiter: Limiter) -> None:
    both = Limits(requests_per_minute=10), Limits(requests_per_minute=0)
    await _refused(limiter, _key(*both))
    ticket = await limiter.admit(_key(Limits(requests_per_minute=10)), "t", Need(1, 4096))
    assert dict(ticket.headers)["x-ratelimit-remaining-requests"] == "9"


async def test_concurrency_is_given_back_once(limiter: Limiter) -> None:
    key = _key(Limits(concurrency=1))
    ticket = await limiter.admit(key, "t1", Need(1, 4096))
    problem = await _refused(limiter, key)
    assert (problem.code, problem.retry_after) == ("concurrency_exceeded", 1)
    assert problem.message.startswith("This key's limit of 1 request at the same time is in use.")
    await limiter.settle(ticket, Used(tokens=5))
    second = await limiter.admit(key, "t2", Need(1, 4096))
    await limiter.settle(ticket, Used(tokens=5))
    await _refused(limiter, key)
    await limiter.settle(second, Used(tokens=5))


@pytest.mark.parametrize(
    ("prompt", "asked", "reserved"),
    [(100, None, 1000), (100, 50, 150), (100, 0, 100), (1000, 10, 1000), (10, 5000, 1000)],
)
async def test_reserved_is_the_prompt_and_what_fits_of_the_answer(
    limiter: Limiter, prompt: int, asked: int | None, reserved: int
) -> None:
    ticket = await limiter.admit(
        _key(Limits(tokens_per_minute=1000)), "t", Need(prompt, 4096 if asked is None else asked)
    )
    assert dict(ticket.headers)["x-ratelimit-remaining-tokens"] == str(1000 - reserved)


async def test_the_longest_answer_is_reserved(limiter: Limiter) -> None:
    ticket = await limiter.admit(_key(Limits(tokens_per_minute=100_000)), "t", Need(100, 4096))
    assert dict(ticket.headers)["x-ratelimit-remaining-tokens"] == str(100_000 - 4196)


@pytest.mark.parametrize(("truth", "left"), [(30, "969"), (0, "999"), (2000, None)])
async def test_settling_corrects_the_tokens(limiter: Limiter, truth: int, left: str | None) -> None:
    key = _key(Limits(tokens_per_minute=1000))
    await limiter.settle(await limiter.admit(key, "t", Need(100, 4096)), Used(tokens=truth))
    if left is None:
        assert (await _refused(limiter, key)).code == "rate_limit_exceeded"
    else:
        ticket = await limiter.admit(key, "u", Need(1, 0))
        assert dict(ticket.headers)["x-ratelimit-remaining-tokens"] == left


async def test_a_prompt_over_the_whole_limit_is_told_that_waiting_does_not_help(limiter: Limiter) -> None:
    problem = await _refused(limiter, _key(Limits(tokens_per_minute=1000)), prompt=1001)
    assert problem.message.startswith("This request needs 1,001 tokens, more than this key's limit of 1,000 tokens")
    assert problem.retry_after == 60
    assert ("x-should-retry", "false") in problem.headers
    assert problem.resets_at is None


async def test_headers_come_from_the_window_with_the_least_left(limiter: Limiter, clock: ManualClock) -> None:
    clock.advance(20)
    key = _key(Limits(requests_per_minute=10, requests_per_day=5), Limits(requests_per_hour=7, tokens_per_minute=9000))
    ticket = await limiter.admit(key, "t", Need(10, 90))
    assert ticket.headers == (
        ("x-ratelimit-limit-requests", "5"),
        ("x-ratelimit-remaining-requests", "4"),
        ("x-ratelimit-reset-requests", "47h59m40s"),
        ("x-ratelimit-limit-tokens", "9000"),
        ("x-ratelimit-remaining-tokens", "8900"),
        ("x-ratelimit-reset-tokens", "1m40s"),
    )
    assert await limiter.admit(_key(Limits(concurrency=1)), "u", Need(1, 1)) == Ticket("u", held=True, since=20.0)


async def test_a_refusal_carries_the_headers(limiter: Limiter) -> None:
    problem = await _refused(limiter, _key(Limits(requests_per_minute=0)))
    assert dict(problem.headers)["x-ratelimit-remaining-requests"] == "0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0ms"), (0.12, "120ms"), (1, "1s"), (1.2, "1.2s"), (59.9999, "1m0s"), (360, "6m0s"), (3600, "1h0m0s")],
)
def test_durations_as_openai_writes_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class _Remembering(MemoryStore):
    """Knows what the last ticket reserved of its window of tokens."""

    reserved = 0

    async def admit(self, ticket: str, lease: str, claims: Sequence[Claim]) -> Verdict:
        verdict = await super().admit(ticket, lease, claims)
        windows = zip(claims, verdict.readings, strict=True)
        [self.reserved] = [reading.reserved for claim, reading in windows if claim.key.endswith(":tpm")]
        return verdict


@given(st.lists(st.tuples(st.floats(0, 40), st.integers(0, 30), st.integers(0, 60), st.integers(0, 60)), max_size=40))
async def test_admitted_is_never_above_any_limit(steps: list[tuple[float, int, int, int]]) -> None:
    clock = ManualClock(START)
    store = _Remembering(clock)
    limiter = Limiter(store, clock)
    key = _key(Limits(requests_per_minute=7, tokens_per_minute=100), Limits(requests_per_hour=20, concurrency=30))
    waits = list[int]()
    requests, tokens, hours = dict[int, int](), dict[int, int](), dict[int, int]()
    for number, (pause, prompt, output, truth) in enumerate(steps):
        clock.advance(pause)
        minute = int(clock.now().timestamp()) // 60
        try:
            ticket = await limiter.admit(key, f"t{number}", Need(prompt, output))
        except TooMany as problem:
            waits.append(problem.retry_after or 0)
            continue
        used = min(truth, store.reserved)
        await limiter.settle(ticket, Used(tokens=used))
        requests[minute] = requests.get(minute, 0) + 1
        tokens[minute] = tokens.get(minute, 0) + used
        hours[minute // 60] = hours.get(minute // 60, 0) + 1
    assert min(waits, default=1) >= 1
    assert max(requests.values(), default=0) <= 7
    assert max(tokens.values(), default=0) <= 100
    assert max(hours.values(), default=0) <= 20
