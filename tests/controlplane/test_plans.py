"""Plans as data: what is included, and what beyond it costs."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgateway.controlplane.plans.service import all_plans, month_of, period_of, plan_named
from tests.controlplane.api import open_api

NOW = datetime(2026, 11, 5, tzinfo=UTC)
START = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
COUNTS = st.integers(min_value=0, max_value=10**12)


def test_overage_prices_are_whole_nanos_and_stand_on_paid_plans_only() -> None:
    for plan in all_plans().values():
        assert (plan.overage is not None) == ("overage" in plan.features) == (plan.price_usd != "0")
        if plan.overage is not None:
            assert plan.overage.request_nanos > 0
            assert plan.overage.token_nanos > 0


def test_without_a_limit_of_its_own_nothing_goes_beyond_the_plan() -> None:
    starter = plan_named("starter")
    assert starter.overage_nanos(10**9, 10**12, None) == 0
    quota = starter.quota(month_of(NOW))
    assert quota is not None
    assert (quota.requests, quota.tokens) == (10_000, 500_000)
    free = plan_named("free").quota(month_of(NOW), 10**12)
    assert free is not None
    assert free.requests == 1_000


@given(before=COUNTS, more=COUNTS, limit=st.integers(min_value=0, max_value=10**13), costs=st.integers(0, 10**13))
def test_what_is_waived_is_not_charged_and_the_quota_goes_as_far_as_the_charge(
    before: int, more: int, limit: int, costs: int
) -> None:
    plan = plan_named("starter")
    waived = plan.beyond_nanos(0, before) - costs
    assert plan.overage_nanos(0, before, limit, waived) == min(limit, costs)
    assert plan.overage_nanos(0, before + more, limit, waived) <= limit
    quota = plan.quota(month_of(NOW), limit, 0, waived)
    assert quota is not None
    assert quota.tokens is not None
    if costs <= limit:
        assert quota.tokens >= before
        assert plan.overage_nanos(0, quota.tokens + 1, 10**18, waived) > limit


@given(requests=COUNTS, tokens=COUNTS, limit=st.integers(min_value=0, max_value=10**13))
def test_overage_never_exceeds_the_limit_and_stops_where_the_quota_does(requests: int, tokens: int, limit: int) -> None:
    plan = plan_named("professional")
    quota = plan.quota(month_of(NOW), limit)
    assert quota is not None
    assert quota.requests is not None
    assert 0 <= plan.overage_nanos(requests, tokens, limit) <= limit
    assert plan.overage_nanos(quota.requests, 0, limit) <= limit < plan.overage_nanos(quota.requests + 1, 0, 10**18)
    assert plan.overage_nanos(50_000, 2_500_000, limit) == 0


@pytest.mark.parametrize(
    ("month", "begins", "ends"),
    [(2, (2, 28), (3, 31)), (3, (3, 31), (4, 30)), (4, (4, 30), (5, 31)), (11, (11, 30), (12, 31))],
)
def test_a_period_goes_on_a_month_after_a_month_until_stripe_tells_of_the_next(
    month: int, begins: tuple[int, int], ends: tuple[int, int]
) -> None:
    def at(day: tuple[int, int]) -> datetime:
        return START.replace(month=day[0], day=day[1])

    first = (START, at((2, 28)))
    assert period_of(*first, at(begins)) == (at(begins), at(ends))
    assert period_of(*first, at(ends) - timedelta(seconds=1)) == (at(begins), at(ends))
    assert at(begins).month == month


@pytest.mark.parametrize(
    ("day", "begins", "ends"),
    [(31, (2, 28), (3, 31)), (31, (12, 31), (1, 31)), (15, (3, 15), (4, 15)), (1, (1, 1), (2, 1))],
)
def test_what_is_paid_for_a_year_includes_as_much_every_month(
    day: int, begins: tuple[int, int], ends: tuple[int, int]
) -> None:
    start = START.replace(day=day)
    begin = start.replace(month=begins[0], day=begins[1])
    end = start.replace(year=2026 + (ends[0] == 1), month=ends[0], day=ends[1])
    year = (start, start.replace(year=2027))
    assert period_of(*year, begin) == period_of(*year, end - timedelta(seconds=1)) == (begin, end)


def test_a_period_of_a_month_is_never_cut() -> None:
    """The longest goes from the end of a short month to the end of the next."""
    for begin, end in (((2, 28), (3, 31)), ((4, 30), (5, 31)), ((6, 30), (7, 31)), ((1, 1), (2, 1))):
        start, until = (START.replace(month=month, day=day) for month, day in (begin, end))
        assert period_of(start, until, until - timedelta(seconds=1)) == (start, until)


def test_a_trial_is_followed_by_a_month_and_before_a_period_is_the_utc_month() -> None:
    trial = (START, START + timedelta(days=14))
    assert period_of(*trial, trial[1]) == (trial[1], trial[1].replace(month=3))
    assert period_of(*trial, NOW) == (
        datetime(2026, 10, 14, 12, 30, tzinfo=UTC),
        datetime(2026, 11, 14, 12, 30, tzinfo=UTC),
    )
    assert period_of(*trial, START - timedelta(days=1)) == month_of(START)
    assert period_of(None, None, NOW) == month_of(NOW)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, {"markup_percent": "0", "request_fee_usd": "0.000000000"}),
        (
            {"LLMGATEWAY_MARKUP_PERCENT": "12.50", "LLMGATEWAY_REQUEST_FEE_USD": "0.0001"},
            {"markup_percent": "12.5", "request_fee_usd": "0.000100000"},
        ),
    ],
)
async def test_the_price_list_says_what_tokens_cost_beside_the_plans(
    database_url: str, tmp_path: Path, settings: dict[str, str], told: dict[str, str]
) -> None:
    async with open_api(database_url, tmp_path, None, **settings) as api:
        listed = (await api.client().get("/plans")).json()
    assert listed["tokens"] == told
    assert [plan["id"] for plan in listed["data"]] == ["free", "starter", "professional", "enterprise"]
