"""Plans as data: what is included, and what beyond it costs."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.controlplane.plans.service import all_plans, month_of, plan_named

NOW = datetime(2026, 11, 5, tzinfo=UTC)
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
