"""Terms of use beyond a plan that change while requests run: each is charged by those that held when it began."""

from random import Random

import pytest

from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.billing.charges import overage_charges
from llmgateway.controlplane.plans.service import plan_named
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import DOLLAR
from tests.controlplane.billing.charges.beyond import begun, charges, quota_of, use
from tests.controlplane.billing.shop import Shop

MILLION = 1_000_000


async def test_what_runs_while_the_limit_is_lowered_is_charged_by_the_one_before(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    runs = begun(shop, org, MILLION + 400_000)
    await client.patch("billing", json={"overage_limit_usd": "0.01"})
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0
    await UsageStore(data).insert([runs])
    assert [await overage_charges.charge_overage(shop.worker, shop.clock) for _ in range(2)] == [1, 0]
    assert await charges(shop, org) == [DOLLAR * 36 // 10]
    await use(shop, data, org, MILLION)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0


async def test_what_runs_while_a_plan_becomes_larger_is_charged_by_the_smaller(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    runs = begun(shop, org, 3 * MILLION // 2)
    assert (await client.post("billing/checkout", json={"plan": "professional"})).status_code == 200
    await shop.settle()
    await UsageStore(data).insert([runs])
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 1
    await use(shop, data, org, 2 * MILLION)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 1
    assert await charges(shop, org) == [4 * DOLLAR, 3 * DOLLAR], "the professional plan includes 2.5 million"


async def test_what_is_known_late_leaves_no_more_room_than_the_limit(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    runs = begun(shop, org, 3 * MILLION // 2)
    await client.post("billing/checkout", json={"plan": "professional"})
    await shop.settle()
    assert (await quota_of(shop, data, org)).tokens == 2_500_000 + 20 * MILLION // 3
    await UsageStore(data).insert([runs])
    await overage_charges.charge_overage(shop.worker, shop.clock)
    assert (await quota_of(shop, data, org)).tokens == 2_500_000 + 16 * MILLION // 3, "4 of 20 dollars are spent"


async def test_a_period_that_is_returned_to_does_not_charge_what_another_charges(shop: Shop, data: Database) -> None:
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    org, client = await shop.owner_of("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "50"})
    await use(shop, data, org, 3 * MILLION // 2)
    bought = await client.post("billing/checkout", json={"plan": "professional"})
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    assigned = {"plan": "starter", "despite_subscription": True}
    assert (await operator.patch(f"/admin/orgs/{org}", json=assigned)).status_code == 200
    runs = begun(shop, org, 3 * MILLION // 2)
    shop.stripe.account.delete_customer(await shop.customer(org))
    await shop.settle()
    assert await shop.plan(org) == "starter"
    await UsageStore(data).insert([runs])
    await use(shop, data, org, MILLION // 2)
    while await overage_charges.charge_overage(shop.worker, shop.clock):
        pass
    assert sorted(await charges(shop, org)) == [4 * DOLLAR, 6 * DOLLAR], (
        "the month's 4 dollars and 2 after it was returned to; the subscription's 4 by its own"
    )


@pytest.mark.parametrize("seed", range(6))
async def test_the_charge_does_not_depend_on_when_use_is_known_or_charged(
    shop: Shop, data: Database, seed: int
) -> None:
    chance, store = Random(seed), UsageStore(data)
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    org, client = await shop.owner_of("acme", "starter")
    plan, limit, tokens, costs = plan_named("starter"), None, 0, 0
    running = list[UsageEvent]()
    for _ in range(16):
        match chance.choice(("use", "use", "limit", "plan")):
            case "use":
                more = chance.randrange(1, 3 * MILLION)
                price = plan.beyond_nanos(0, tokens + more) - plan.beyond_nanos(0, tokens)
                costs = costs if limit is None else max(costs, min(limit, costs + price))
                tokens += more
                running.append(begun(shop, org, more))
            case "limit":
                dollars = chance.choice((None, 1, 5, 20))
                limit = None if dollars is None else dollars * DOLLAR
                wanted = None if dollars is None else str(dollars)
                changed = await client.patch("billing", json={"overage_limit_usd": wanted})
                assert changed.status_code == 200, changed.text
            case _:
                plan = plan_named(chance.choice(("starter", "professional", "enterprise")))
                await operator.patch(f"/admin/orgs/{org}", json={"plan": plan.id})
        ended = [event for event in running if chance.random() < 0.4]
        running = [event for event in running if event not in ended]
        await store.insert(ended)
        if chance.random() < 0.5:
            await overage_charges.charge_overage(shop.worker, shop.clock)
    await store.insert(running)
    await overage_charges.charge_overage(shop.worker, shop.clock)
    assert sum(await charges(shop, org)) == costs
