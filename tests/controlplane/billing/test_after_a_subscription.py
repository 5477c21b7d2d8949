"""The billing periods of an organisation whose subscription has ended: they begin with its end, a month after a month."""

from datetime import UTC, datetime

import pytest

from llmgateway.controlplane.billing.charges import overage_charges
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import DOLLAR
from tests.controlplane.billing.charges.beyond import charges, quota_of, use
from tests.controlplane.billing.shop import Shop


async def test_what_was_paid_for_is_not_counted_against_the_plan_that_comes_after(shop: Shop, data: Database) -> None:
    org, _, _ = await shop.subscribed("acme", "starter")
    await use(shop, data, org, 400_000)
    shop.clock.advance(86_400)
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    quota = await quota_of(shop, data, org)
    assert (quota.tokens, quota.period_start) == (50_000, shop.clock.now())
    billing = (await (await shop.again(org)).get("billing")).json()
    assert (billing["plan"], billing["usage"]["tokens"]) == ("free", 0)
    assert "Requests are refused" not in (billing["message"] or "")
    shop.clock.advance(40 * 86_400)
    later = await quota_of(shop, data, org)
    assert later.period_start == quota.period_end, "a month after a month"


async def test_a_plan_that_ends_with_its_period_is_followed_by_a_period_of_its_own(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await use(shop, data, org, 400_000)
    assert (await client.post("billing/checkout", json={"plan": "free"})).status_code == 200
    await shop.settle()
    end = (await quota_of(shop, data, org)).period_end
    await shop.pass_hours(30 * 24 + 1)
    assert await shop.plan(org) == "free"
    assert (await quota_of(shop, data, org)).period_start == end


async def test_two_subscriptions_within_a_minute_are_charged_each_by_itself(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    for again in (False, True):
        if again:
            shop.stripe.account.complete(
                (await client.post("billing/checkout", json={"plan": "starter"})).json()["url"]
            )
            await shop.settle()
        await client.patch("billing", json={"overage_limit_usd": "20"})
        await use(shop, data, org, 1_500_000)
        shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
        await shop.settle()
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 2
    assert await charges(shop, org) == [4 * DOLLAR, 4 * DOLLAR]


@pytest.mark.parametrize(("status", "anew"), [("canceled", True), ("incomplete_expired", False), ("unpaid", False)])
async def test_a_card_that_never_paid_begins_no_count_anew(
    shop: Shop, data: Database, status: str, *, anew: bool
) -> None:
    org, _, _ = await shop.subscribed("acme", "starter")
    await use(shop, data, org, 40_000)
    [found] = shop.stripe.account.all("subscription")
    found.update(status=status, ended_at=shop.stripe.account.now)
    shop.stripe.account.tell("customer.subscription.updated", found)
    await shop.settle()
    assert await shop.plan(org) == "free"
    begin = (await quota_of(shop, data, org)).period_start
    assert begin == (shop.clock.now() if anew else datetime(2026, 11, 1, tzinfo=UTC))
