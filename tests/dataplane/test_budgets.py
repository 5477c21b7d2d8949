"""Budgets and quotas: nothing is admitted that has no room, and what is over is told with its way back."""

import re
from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import pytest

from llmgateway.contract.channels import KeyChanged
from llmgateway.contract.snapshot import Budget, KeySnapshot, Limits, OrgSnapshot, Quota
from llmgateway.dataplane.admit.limits import Used
from llmgateway.dataplane.admit.scopes import Need
from llmgateway.errors import PaymentRequired, TooMany, Unavailable
from llmgateway.kit.clock import ManualClock
from tests.dataplane.budgeted import DOLLAR, QUOTA, START, Ledger, key, limiter_over, over, spent


async def test_a_budget_admits_up_to_its_last_cent_and_the_truth_is_what_counts() -> None:
    limiter = limiter_over(Ledger())
    month = key(Budget(nanos=DOLLAR))
    first = await limiter.admit(month, "t1", Need(10, 10, 6 * DOLLAR // 10, DOLLAR))
    with pytest.raises(TooMany) as waits:
        await limiter.admit(month, "t2", Need(10, 10, DOLLAR // 10, 0))
    assert (waits.value.code, waits.value.retry_after) == ("budget_exceeded", 1)
    assert waits.value.resets_at == START + timedelta(seconds=1)
    assert "this key's budget of $1.00 a month is held by requests that still run" in waits.value.message
    await limiter.settle(first, Used(nanos=DOLLAR // 10))
    second = await limiter.admit(month, "t3", Need(10, 10, DOLLAR // 10, 8 * DOLLAR // 10))
    await limiter.settle(second, Used(nanos=9 * DOLLAR // 10))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(month, "t4", Need(0, 0, 0, 0))  # nothing left is nothing left
    assert caught.value.code == "budget_exceeded"
    assert caught.value.message.startswith("This key's budget of $1.00 a month has no room for this request.")
    assert caught.value.resets_at == datetime(2026, 12, 1, tzinfo=UTC)


async def test_a_quota_that_only_running_requests_hold_is_not_used_up() -> None:
    limiter = limiter_over(Ledger())
    free = key(quota=QUOTA)
    running = [await limiter.admit(free, f"t{number}", Need(10, 490)) for number in range(2)]
    with pytest.raises(TooMany) as waits:
        await limiter.admit(free, "u", Need(10, 490))
    assert (waits.value.code, waits.value.retry_after) == ("quota_exceeded", 1)
    assert "What is left of the 1,000 tokens a month of this organisation's plan free is held" in waits.value.message
    for ticket in running:
        await limiter.settle(ticket, Used(tokens=20, requests=1))
    await limiter.admit(free, "u", Need(10, 490))


async def test_a_failed_request_gives_its_money_and_quota_back() -> None:
    limiter = limiter_over(Ledger())
    whole = key(Budget(nanos=DOLLAR), quota=QUOTA)
    for number in range(10):
        ticket = await limiter.admit(whole, f"t{number}", Need(500, 500, DOLLAR, 0))
        await limiter.settle(ticket, Used())


@pytest.mark.parametrize(
    ("period", "words", "ends"),
    [
        ("day", "a day", datetime(2026, 11, 6, tzinfo=UTC)),
        ("month", "a month", datetime(2026, 12, 1, tzinfo=UTC)),
        ("total", "in all", None),
    ],
)
async def test_each_period_says_when_it_begins_anew_and_the_whole_what_to_do(
    period: str, words: str, ends: datetime | None
) -> None:
    limiter = limiter_over(Ledger(spent("key_1", DOLLAR)))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(key(Budget(nanos=DOLLAR, period=period)), "t", Need(1, 1, 1, 1))  # pyright: ignore[reportArgumentType] -- one of the three
    then = (
        f"It begins anew at {ends:%Y-%m-%dT%H:%M:%SZ}. Or raise the budget." if ends else "Raise the budget to go on."
    )
    assert (
        caught.value.message
        == f"This key's budget of $1.00 {words} has no room for this request. It is used up. {then}"
    )
    assert caught.value.resets_at == ends


async def test_a_budget_with_a_little_left_says_how_little() -> None:
    limiter = limiter_over(Ledger(spent("key_1", DOLLAR - 5_000)))
    with pytest.raises(PaymentRequired, match=r"no room for this request\. \$0\.000005 of it is left\. It begins anew"):
        await limiter.admit(key(Budget(nanos=DOLLAR)), "t", Need(1, 1, 5_001, 1))


async def test_a_new_month_has_the_whole_budget_again() -> None:
    clock = ManualClock(datetime(2026, 11, 30, 23, 59, tzinfo=UTC))
    ledger = Ledger(spent("key_1", DOLLAR))
    limiter = limiter_over(ledger, clock)
    month = key(Budget(nanos=DOLLAR))
    with pytest.raises(PaymentRequired):
        await limiter.admit(month, "t", Need(1, 1, 1, 1))
    clock.advance(60)
    ledger.rows = ()
    await limiter.admit(month, "u", Need(1, 1, 1, 1))


async def test_a_soft_budget_refuses_nothing() -> None:
    ledger = Ledger(spent("key_1", 5 * DOLLAR))
    limiter = limiter_over(ledger)
    ticket = await limiter.admit(key(Budget(nanos=DOLLAR, hard=False)), "t", Need(1, 1, DOLLAR, 0))
    assert not ticket.held
    assert ledger.asked == 0


async def test_the_organisations_budget_counts_all_keys_and_the_keys_own_only_itself() -> None:
    ledger = Ledger(spent("key_1", DOLLAR), spent("key_2", 3 * DOLLAR))
    limiter = limiter_over(ledger)
    await limiter.admit(key(Budget(nanos=2 * DOLLAR)), "t", Need(1, 1, 1, 1))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(key(org=(Budget(nanos=4 * DOLLAR),)), "u", Need(1, 1, 1, 1))
    assert caught.value.message.startswith("This organisation's budget of $4.00 a month")


async def test_what_ran_out_is_the_organisations_own_limit_beyond_its_plan() -> None:
    limiter = limiter_over(Ledger(spent("key_0", requests=1, tokens=1_000)))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(key(quota=msgspec.structs.replace(QUOTA, overage_limit=DOLLAR // 2)), "t", Need(10, 90))
    assert caught.value.code == "quota_exceeded"
    assert caught.value.message == (
        "This organisation's own limit of $0.50 a month beyond its plan is reached: with what the plan includes it is for "
        "1,000 tokens, and they are used up. It begins anew at 2026-12-01T00:00:00Z. Or raise the limit on its billing page."
    )


async def test_a_plans_quota_of_requests_and_tokens() -> None:
    limiter = limiter_over(Ledger(spent("key_0", requests=1, tokens=100)))
    plan = key(quota=QUOTA)
    for number in range(2):
        ticket = await limiter.admit(plan, f"t{number}", Need(10, 90))
        await limiter.settle(ticket, Used(tokens=100, requests=1))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(plan, "t3", Need(10, 90))
    assert caught.value.code == "quota_exceeded"
    assert "This organisation's plan free includes 3 requests a month" in caught.value.message
    assert caught.value.resets_at == QUOTA.period_end
    tokens = key(quota=Quota(tokens=1_000, period_start=QUOTA.period_start, period_end=QUOTA.period_end))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(tokens, "t4", Need(701, 1))
    assert "1,000 tokens a month" in caught.value.message


async def test_test_traffic_stays_out_of_quotas_and_budgets() -> None:
    ledger = Ledger(spent("key_1", 5 * DOLLAR, requests=100))
    limiter = limiter_over(ledger)
    await limiter.admit(key(Budget(nanos=1), quota=QUOTA, test=True), "t", Need(1, 1, DOLLAR, DOLLAR))
    assert ledger.asked == 0


async def test_what_cannot_be_known_is_not_admitted() -> None:
    ledger = Ledger()
    ledger.down = True
    limiter = limiter_over(ledger)
    with pytest.raises(Unavailable) as caught:
        await limiter.admit(key(Budget(nanos=DOLLAR)), "t", Need(1, 1, 1, 1))
    assert (caught.value.code, caught.value.retry_after) == ("store_unavailable", 1)
    unlimited = KeySnapshot(
        id="k", name="k", org=OrgSnapshot(id="org_1", slug="a", plan="x"), limits=Limits(requests_per_minute=5)
    )
    await limiter.admit(unlimited, "u", Need(1, 1))  # rates need no database
    ledger.down = False
    await limiter.admit(key(Budget(nanos=DOLLAR)), "v", Need(1, 1, 1, 1))


async def test_counters_are_seeded_once() -> None:
    ledger = Ledger(spent("key_1", DOLLAR // 2))
    limiter = limiter_over(ledger)
    for number in range(5):
        ticket = await limiter.admit(key(Budget(nanos=DOLLAR)), f"t{number}", Need(1, 1, 1, 1))
        await limiter.settle(ticket, Used(nanos=1))
    assert ledger.asked == 1


@pytest.mark.parametrize(
    ("budgets", "words"),
    [
        ((("day", 1), ("month", 1)), "$0.000000001 a month"),
        ((("month", 1), ("day", 1)), "$0.000000001 a month"),
        ((("day", 1), ("total", 1), ("month", 1)), "$0.000000001 in all"),
        ((("day", 1), ("month", DOLLAR)), "$0.000000001 a day"),
    ],
)
async def test_of_several_budgets_without_room_the_one_is_named_that_comes_back_last(
    budgets: tuple[tuple[Literal["day", "month", "total"], int], ...], words: str
) -> None:
    spending = key(*(Budget(nanos=nanos, period=period) for period, nanos in budgets))
    with pytest.raises(PaymentRequired, match=re.escape(f"budget of {words} has no room")):
        await limiter_over(Ledger()).admit(spending, "t1", Need(10, 10, 2, 2))


@pytest.mark.parametrize("change", [KeyChanged("key_1", None), KeyChanged(None, "org_1"), KeyChanged(None, None)])
@pytest.mark.parametrize("before", [(), (Budget(nanos=9 * DOLLAR, period="total"),)])
async def test_a_budget_that_begins_to_refuse_counts_what_runs_then(
    change: KeyChanged, before: tuple[Budget, ...]
) -> None:
    limiter = limiter_over(Ledger())
    runs = await limiter.admit(key(*before), "t1", Need(10, 10, 1, 1))
    limiter.note(change)
    after = key(*(msgspec.structs.replace(one, epoch=1) for one in before), Budget(nanos=DOLLAR, epoch=1), quota=QUOTA)
    first = await limiter.admit(after, "t2", Need(10, 10, 1, 1))
    await over(limiter, first, 1)
    await over(limiter, runs, DOLLAR)
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(after, "t3", Need(10, 10, 1, 1))
    assert caught.value.code == "budget_exceeded"


async def test_a_request_that_began_after_the_change_is_counted_once() -> None:
    clock = ManualClock(START)
    limiter = limiter_over(Ledger(), clock)
    limiter.note(KeyChanged("key_1", None))
    clock.advance(1)
    budget = Budget(nanos=DOLLAR, epoch=1)
    ticket = await limiter.admit(key(budget), "t1", Need(10, 10, 1, 1))
    await over(limiter, ticket, DOLLAR // 2)
    room = await limiter.admit(key(budget), "t2", Need(10, 10, DOLLAR // 2, 0))
    assert room.held


async def test_what_was_not_counted_for_a_while_is_counted_anew() -> None:
    ledger = Ledger()
    limiter = limiter_over(ledger)
    ticket = await limiter.admit(key(Budget(nanos=DOLLAR), quota=QUOTA), "t1", Need(10, 10, 1, 1))
    await limiter.settle(ticket, Used(nanos=1, requests=1, tokens=20))
    await limiter.admit(key(), "t2", Need(10, 10, 5 * DOLLAR, 1))
    ledger.rows = (spent("key_1", 5 * DOLLAR, requests=2, tokens=40),)
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(key(Budget(nanos=DOLLAR, epoch=1)), "t3", Need(10, 10, 1, 1))
    assert caught.value.code == "budget_exceeded"
    anew = msgspec.structs.replace(QUOTA, requests=2, epoch=1)
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(key(quota=anew), "t4", Need(10, 10))
    assert caught.value.code == "quota_exceeded"


def costing(charge: int, answer: int = 0) -> Need:
    """On the installation's credentials."""
    return Need(1, 1, charge, answer, charge, answer)


async def test_prepaid_credit_admits_up_to_what_was_paid_and_says_what_is_left() -> None:
    limiter = limiter_over(Ledger(spent("key_1", charged=2 * DOLLAR), spent("key_2", charged=DOLLAR)))
    paid = key(charged=True, charge_limit=4 * DOLLAR)
    ticket = await limiter.admit(paid, "t1", costing(DOLLAR // 2, 10 * DOLLAR))
    with pytest.raises(TooMany) as waits:
        await limiter.admit(paid, "t2", costing(1))
    assert waits.value.code == "insufficient_credit"
    await limiter.settle(ticket, Used(charge=DOLLAR // 4))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(paid, "t3", costing(DOLLAR))
    assert (caught.value.code, caught.value.resets_at) == ("insufficient_credit", None)
    assert "This organisation's prepaid credit has no room for this request ($0.75 is left)" in caught.value.message
    await limiter.admit(paid, "t4", costing(3 * DOLLAR // 4))


async def test_what_is_not_charged_needs_no_credit() -> None:
    """On a provider key of its own, or at no price."""
    limiter = limiter_over(Ledger(spent("key_1", charged=DOLLAR)))
    in_debt = key(charged=True, charge_limit=-DOLLAR)
    await limiter.admit(in_debt, "t", Need(1, 1, DOLLAR, DOLLAR))
    with pytest.raises(PaymentRequired) as caught:
        await limiter.admit(in_debt, "u", costing(0, 1))
    assert "($2.00 is owed, running requests included)" in caught.value.message


async def test_what_is_charged_on_invoices_counts_when_the_plan_ends() -> None:
    limiter = limiter_over(Ledger())
    ticket = await limiter.admit(key(charged=True), "t", costing(0))
    await limiter.settle(ticket, Used(charge=5 * DOLLAR))
    with pytest.raises(PaymentRequired):
        await limiter.admit(key(charged=True, charge_limit=5 * DOLLAR), "u", costing(1))
    await limiter.admit(key(charged=True, charge_limit=5 * DOLLAR + 1), "v", costing(1))


async def test_counters_are_read_as_of_the_moment_that_they_are_asked_for() -> None:
    """Near midnight the database's clock may be in another day: what it spent there is none of this counter's."""
    clock, ledger = ManualClock(datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)), Ledger()
    limiter = limiter_over(ledger, clock)
    for number in range(2):
        await limiter.admit(key(Budget(nanos=DOLLAR, period="day")), f"t{number}", Need(1, 1, 1, 1))
        clock.advance(1)
    assert ledger.moments == [datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)]
