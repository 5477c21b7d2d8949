"""What an organisation on the Free plan may be charged: what it paid in advance, whatever was charged and posted meanwhile."""

from datetime import timedelta

from llmgateway.contract.snapshot import Tariff
from llmgateway.controlplane.billing.books import closing
from llmgateway.controlplane.billing.charges import hourly
from llmgateway.controlplane.keys.source import KeySource
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import DOLLAR, charged
from tests.controlplane.billing.shop import Shop
from tests.controlplane.records import PEPPER, SECRET


async def _left(shop: Shop, data: Database, org: str, *, in_advance: bool = True) -> int | None:
    """As a process that has just been started would hold the key to."""
    now = shop.clock.now()
    snapshot = await KeySource(data, PEPPER, shop.clock, Tariff(in_advance=in_advance)).key_snapshot(SECRET)
    assert snapshot is not None
    spent = sum(one.charged_nanos for one in await UsageStore(data).spent(org, now, now))
    limit = snapshot.org.charge_limit
    return None if limit is None else limit - spent


async def _charge(shop: Shop, data: Database, org: str, nanos: int) -> None:
    await UsageStore(data).insert([charged(nanos, shop.clock.now(), org)])


async def _buy(shop: Shop, org: str, usd: str) -> str:
    """The payment."""
    bought = await (await shop.again(org)).post("billing/credit", json={"usd": usd})
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    return str(shop.stripe.account.all("payment_intent")[0]["id"])


async def test_what_is_left_is_the_same_before_and_after_a_charge_is_posted_and_a_day_closed(
    shop: Shop, data: Database
) -> None:
    org, _ = await shop.owner_of("acme")
    await shop.key(org)
    assert await _left(shop, data, org) == 0
    await _buy(shop, org, "5")
    await _charge(shop, data, org, 3 * DOLLAR + 7)
    for _ in range(3):
        assert await _left(shop, data, org) == 2 * DOLLAR - 7
        shop.clock.advance(86_400)
        await hourly.post_usage(shop.worker, shop.clock, timedelta(days=2))
        await closing.close_days(shop.worker, shop.clock)
    await _buy(shop, org, "1")
    assert await _left(shop, data, org) == 3 * DOLLAR - 7


async def test_the_page_shows_what_is_left_at_this_moment_and_says_what_to_do(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    assert "are paid in advance: buy credit or a plan" in (await client.get("billing")).json()["message"]
    await _buy(shop, org, "5")
    await _charge(shop, data, org, 2 * DOLLAR)
    shown = (await client.get("billing")).json()
    assert (shown["credit_usd"], shown["message"]) == ("3.000000000", None)
    shop.clock.advance(7200)
    await hourly.post_usage(shop.worker, shop.clock, timedelta(days=2))
    assert (await (await shop.again(org)).get("billing")).json()["credit_usd"] == "3.000000000"


async def test_a_refund_after_the_credit_is_spent_leaves_a_debt_that_the_next_purchase_pays(
    shop: Shop, data: Database
) -> None:
    org, _ = await shop.owner_of("acme")
    await shop.key(org)
    payment = await _buy(shop, org, "5")
    await _charge(shop, data, org, 4 * DOLLAR)
    shop.stripe.account.refund(payment, 500)
    await shop.settle()
    assert await _left(shop, data, org) == -4 * DOLLAR
    await _buy(shop, org, "10")
    assert await _left(shop, data, org) == 6 * DOLLAR


async def test_what_stood_on_invoices_does_not_count_after_the_plan_has_ended(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await shop.key(org)
    assert await _left(shop, data, org) is None, "a plan that is paid for pays afterwards"
    await client.patch("billing", json={"overage_limit_usd": "5"})
    await _charge(shop, data, org, 20 * DOLLAR)
    await UsageStore(data).insert([charged(0, shop.clock.now(), org, prompt_tokens=1_500_000, completion_tokens=0)])
    await shop.pass_hours(24)
    await _buy(shop, org, "5")
    await _charge(shop, data, org, 2 * DOLLAR)
    await shop.pass_hours(31 * 24)
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert await shop.plan(org) == "free"
    assert await _left(shop, data, org) == 3 * DOLLAR - 2 * 56_000, "less the parts of a cent that no invoice took"


async def test_where_no_payments_are_taken_nothing_is_paid_in_advance(shop: Shop, data: Database) -> None:
    org, _ = await shop.owner_of("acme")
    await shop.key(org)
    assert await _left(shop, data, org, in_advance=False) is None
