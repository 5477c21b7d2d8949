"""What goes beyond a plan: charged as it is used, up to the organisation's own limit, by its own period."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import make_url

from llmgateway.contract.usage import Outcome
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.charges import overage_charges
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.api import error_of
from tests.controlplane.billing.bookkeeping import CENT, DOLLAR, charged, held
from tests.controlplane.billing.charges.beyond import charges, quota_of, use
from tests.controlplane.billing.shop import Shop
from tests.fixtures_database import run_sql


async def test_a_plan_that_nothing_goes_beyond_takes_no_limit(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    refused = await client.patch("billing", json={"overage_limit_usd": "5"})
    assert (refused.status_code, error_of(refused)["param"]) == (409, "overage_limit_usd")
    assert "The plan free ends where what it includes ends" in error_of(refused)["message"]
    assert (await client.patch("billing", json={"overage_limit_usd": None})).status_code == 200


async def test_a_limit_is_shown_where_something_goes_beyond_the_plan_alone(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    assert (await client.get("billing")).json()["overage_limit_usd"] == "20.000000000"
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert await shop.plan(org) == "free"
    assert (await client.get("billing")).json()["overage_limit_usd"] is None


async def test_it_is_charged_once_as_it_grows_and_stops_at_the_limit(shop: Shop, data: Database) -> None:
    org, client, customer = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "5"})
    await use(shop, data, org, 500_000)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0
    await use(shop, data, org, 1_000_000)
    assert [await overage_charges.charge_overage(shop.worker, shop.clock) for _ in range(2)] == [1, 0]
    assert (await held(shop.worker, org))[Account.USAGE] == 4 * DOLLAR
    shop.clock.advance(1800)
    await use(shop, data, org, 9_000_000)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 1
    assert (await (await shop.again(org)).get("billing")).json()["overage_usd"] == "5.000000000"
    await shop.pass_hours(31 * 24)
    assert shop.stripe.account.metered(customer) == 500
    invoice = shop.stripe.account.all("invoice", customer=customer)[0]
    assert invoice["total"] == 2900 + 500
    await use(shop, data, org, 400_000)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0, "a new period begins at nothing"


@pytest.mark.parametrize("lower", [None, "0.000000001", "7.999999999", "8"])
async def test_a_lower_limit_takes_nothing_off_what_was_served_under_the_one_before(
    shop: Shop, data: Database, lower: str | None
) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    await use(shop, data, org, 2_500_000)
    assert (await client.patch("billing", json={"overage_limit_usd": lower})).status_code == 200
    assert [await overage_charges.charge_overage(shop.worker, shop.clock) for _ in range(2)] == [1, 0]
    await use(shop, data, org, 2_500_000)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0, "nothing more under the lower one"
    assert (await held(shop.worker, org))[Account.USAGE] == 8 * DOLLAR
    assert (await client.get("billing")).json()["overage_usd"] == "8.000000000"


async def test_what_was_used_within_a_plan_is_not_charged_by_a_smaller_one(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme", "enterprise")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    await use(shop, data, org, 9_000_000)
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    changed = await operator.patch(f"/admin/orgs/{org}", json={"plan": "starter"})
    assert changed.status_code == 200, changed.text
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0
    await use(shop, data, org, 500_000)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 1
    assert (await held(shop.worker, org))[Account.CREDIT] == 2 * DOLLAR, "half a million tokens at 4 dollars a million"
    quota = await quota_of(shop, data, org)
    assert quota.tokens == 9_000_000 + 5_000_000, "the limit pays for so much from the change on"


async def test_a_higher_limit_is_for_further_use_alone(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "1"})
    await use(shop, data, org, 3_500_000)
    await client.patch("billing", json={"overage_limit_usd": "20"})
    for _ in range(2):
        await overage_charges.charge_overage(shop.worker, shop.clock)
        assert (await held(shop.worker, org))[Account.USAGE] == DOLLAR, "as the limit of then has it"
    assert (await quota_of(shop, data, org)).tokens == 3_500_000 + 4_750_000
    await use(shop, data, org, 10**7)
    await overage_charges.charge_overage(shop.worker, shop.clock)
    assert (await held(shop.worker, org))[Account.USAGE] == 20 * DOLLAR


async def test_what_was_used_beyond_is_charged_though_the_new_plan_includes_it(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    await use(shop, data, org, 1_500_000)
    assert (await client.post("billing/checkout", json={"plan": "enterprise"})).status_code == 200
    await shop.settle()
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 1
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0
    assert (await held(shop.worker, org))[Account.USAGE] == 4 * DOLLAR


@pytest.mark.parametrize(
    "changes",
    [{"test": True}, {"cache": "hit"}, {"prompt_tokens": 0, "outcome": Outcome.FAILED}],
    ids=["a test key's", "from the cache", "failed without a token"],
)
async def test_what_does_not_count_is_not_charged(shop: Shop, data: Database, changes: dict[str, Any]) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "5"})
    await UsageStore(data).insert([charged(0, shop.clock.now(), org, **{"prompt_tokens": 10**7, **changes})])
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0


async def test_without_a_limit_nothing_is_charged_and_nothing_goes_beyond(shop: Shop, data: Database) -> None:
    org, _, _ = await shop.subscribed("acme", "starter")
    await use(shop, data, org, 10**7)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0


async def test_the_data_plane_is_told_of_the_period_and_of_what_the_limit_pays_for(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "2"})
    quota = await quota_of(shop, data, org)
    assert (quota.requests, quota.tokens) == (10_000 + 2_000, 500_000 + 500_000)
    assert quota.overage_limit == 2 * DOLLAR
    assert quota.period_end - quota.period_start == timedelta(days=30)


async def test_a_period_is_told_in_utc_by_a_server_in_another_time_zone(
    shop: Shop, data: Database, superuser_url: str, database_url: str
) -> None:
    """A refusal says when a quota begins anew, with a Z behind it."""
    await run_sql(superuser_url, f"ALTER DATABASE {make_url(database_url).database} SET timezone = 'America/New_York'")
    org, _, _ = await shop.subscribed("acme", "starter")
    quota = await quota_of(shop, data, org)
    assert f"{quota.period_end:%Y-%m-%dT%H:%M:%SZ}" == "2026-12-05T12:30:00Z"


async def test_what_is_used_in_a_periods_last_minutes_is_charged_after_it(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    shop.clock.advance(30 * 24 * 3600 - 60)
    await use(shop, data, org, 1_500_000)
    late = charged(0, shop.clock.now(), org, prompt_tokens=250_000, completion_tokens=0)
    shop.clock.advance(120)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 1
    assert await charges(shop, org) == [4 * DOLLAR]
    await shop.pass_hours(24)
    await use(shop, data, org, 600_000)
    await UsageStore(data).insert([late])  # a process was away
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 2
    assert await charges(shop, org) == [4 * DOLLAR, DOLLAR, 40 * CENT], "each period by itself"
    client = await shop.again(org)
    assert (await client.get("billing")).json()["overage_usd"] == "0.400000000"
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 0


async def test_a_period_that_ends_with_its_plan_is_charged_by_that_plan(shop: Shop, data: Database) -> None:
    """Though the worker was away over its end."""
    org, client, _ = await shop.subscribed("acme", "professional")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    assert (await client.post("billing/checkout", json={"plan": "starter"})).status_code == 200
    await shop.settle()
    shop.clock.advance(30 * 24 * 3600 - 60)
    await use(shop, data, org, 3_500_000)
    shop.clock.advance(24 * 3600)
    shop.stripe.account.pass_time()
    await shop.settle()
    assert await shop.plan(org) == "starter"
    await use(shop, data, org, 750_000)
    assert await overage_charges.charge_overage(shop.worker, shop.clock) == 2
    assert await charges(shop, org) == [3 * DOLLAR, DOLLAR], "a million tokens at 3 dollars, a quarter of one at 4"


async def test_a_plan_that_is_ended_at_once_is_charged_until_then(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.patch("billing", json={"overage_limit_usd": "20"})
    await use(shop, data, org, 1_500_000)
    shop.clock.advance(60)
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    await use(shop, data, org, 1_000_000)
    assert [await overage_charges.charge_overage(shop.worker, shop.clock) for _ in range(2)] == [1, 0]
    assert await charges(shop, org) == [4 * DOLLAR]
    assert (await held(shop.worker, org))[Account.CREDIT] == 4 * DOLLAR, "no invoice will come: it is owed"
