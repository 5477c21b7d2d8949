"""Buying: pages of Checkout, one wish at a time; more at once when it is paid, less at the period's end."""

import httpx2
import pytest

from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe.api import ReturnUrls
from llmgateway.controlplane.billing.stripe.errors import StripeRefused, StripeUnavailable
from llmgateway.controlplane.billing.stripe.price_list import METER_EVENT
from llmgateway.controlplane.billing.stripe_events import drift
from tests.controlplane.api import Json, error_of
from tests.controlplane.billing.bookkeeping import CENT, DOLLAR, held
from tests.controlplane.billing.shop import Shop


async def test_two_clicks_are_one_wish_and_one_customer(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    urls = {(await client.post("billing/checkout", json={"plan": "starter"})).json()["url"] for _ in range(3)}
    assert len(urls) == 1
    assert len(shop.stripe.account.all("customer")) == 1


async def test_a_page_that_was_paid_is_not_offered_again(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    account, urls = shop.stripe.account, set[str]()
    for _ in range(2):
        url = (await client.post("billing/credit", json={"usd": "20"})).json()["url"]
        account.complete(url)
        urls.add(url)
    assert len(urls) == 2
    await shop.settle()
    assert await held(shop.worker, org) == {Account.STRIPE: 40 * DOLLAR, Account.CREDIT: -40 * DOLLAR}


async def test_a_page_of_another_plan_is_closed_so_that_nobody_pays_twice(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    first = (await client.post("billing/checkout", json={"plan": "professional"})).json()["url"]
    second = (await client.post("billing/checkout", json={"plan": "starter"})).json()["url"]
    with pytest.raises(AssertionError, match="paid once"):
        shop.stripe.account.complete(first)
    again = (await client.post("billing/checkout", json={"plan": "professional"})).json()["url"]
    assert len({first, second, again}) == 3
    shop.stripe.account.complete(again)
    await shop.settle()
    assert await shop.plan(org) == "professional"


async def test_of_two_subscriptions_the_better_counts_and_it_is_told_and_both_end(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "professional")
    account = shop.stripe.account
    prices = await shop.stripe_api.price_list.prices(["llmgateway_starter_monthly", METER_EVENT])
    account.subscribe(customer, [account.things["price"][price] for price in prices.values()])
    await shop.settle()
    assert await shop.plan(org) == "professional"
    two = [one["id"] for one in account.all("subscription")]
    assert await drift.report(shop.worker, shop.stripe_api) == [
        f"{org}: pays for 2 subscriptions at once ({two[1]} professional, {two[0]} starter)"
    ]
    assert (await client.post("billing/checkout", json={"plan": "free"})).status_code == 200
    assert [one["cancel_at_period_end"] for one in account.all("subscription")] == [True, True]
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == "free"


async def test_two_owners_who_want_different_plans_at_once_are_sent_to_one_page(shop: Shop) -> None:
    """Both look before either asks; who comes second is told, and then the first page is closed."""
    _, client, customer = await _who_looked(shop)
    urls = ReturnUrls(success="https://a.test", cancel="https://a.test")
    await shop.stripe_api.checkout_plan(customer, "org", "professional", urls, f"plan-{customer}-first")
    with pytest.raises(StripeRefused, match="at the same moment"):
        await shop.stripe_api.checkout_plan(customer, "org", "starter", urls, f"plan-{customer}-first")
    again = await client.post("billing/checkout", json={"plan": "starter"})
    assert again.status_code == 200, again.text
    assert [page["status"] for page in shop.stripe.account.all("checkout.session")] == ["open", "expired"]


async def _who_looked(shop: Shop) -> tuple[str, httpx2.AsyncClient, str]:
    org, client = await shop.owner_of("acme")
    assert (await client.post("billing/portal")).status_code == 200
    return org, client, await shop.customer(org)


async def test_an_answer_that_was_lost_is_no_second_write(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    shop.stripe.lose_answers = 2
    bought = await client.post("billing/credit", json={"usd": "25"})
    assert bought.status_code == 200, bought.text
    account = shop.stripe.account
    assert (len(account.all("customer")), len(account.all("checkout.session"))) == (1, 1)


async def test_what_failed_at_stripe_is_bought_as_soon_as_stripe_is_well_again(shop: Shop) -> None:
    """Not a day later, when it forgets the key under which it failed."""
    org, client = await shop.owner_of("acme")
    account = shop.stripe.account
    for _ in range(4):
        shop.stripe.fail_writes = 1
        assert (await client.post("billing/checkout", json={"plan": "starter"})).status_code == 503
    bought = await client.post("billing/checkout", json={"plan": "starter"})
    assert bought.status_code == 200, bought.text
    assert (len(account.all("customer")), len(account.all("checkout.session"))) == (1, 1)
    account.complete(bought.json()["url"])
    await shop.settle()
    assert await shop.plan(org) == "starter"
    shop.stripe.fail_writes = 1
    with pytest.raises(StripeUnavailable):
        await shop.stripe_api.meter(await shop.customer(org), "meter_1", 7)
    await shop.stripe_api.meter(await shop.customer(org), "meter_1", 7)
    assert account.metered(await shop.customer(org)) == 7


async def test_a_change_whose_answer_was_lost_is_not_said_to_be_undone(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    shop.stripe.lose_answers = 3
    lost = await client.post("billing/checkout", json={"plan": "enterprise"})
    assert (lost.status_code, error_of(lost)["code"]) == (503, "stripe_unavailable")
    await shop.settle()
    assert await shop.plan(org) == "enterprise"
    assert "Look at your plan before you try again" in error_of(lost)["message"]


async def test_only_what_is_sold_is_offered(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    refused = await client.post("billing/checkout", json={"plan": "gold"})
    assert (refused.status_code, error_of(refused)["param"]) == (400, "plan")
    assert error_of(refused)["message"].endswith("Use one of free, starter, professional, enterprise.")


@pytest.mark.parametrize("usd", ["0.49", "1000000", "1.005", "0", "-1", "1e30", 5.5])
async def test_credit_is_whole_cents_and_not_too_few(shop: Shop, usd: object) -> None:
    _, client = await shop.owner_of("acme")
    answer = await client.post("billing/credit", json={"usd": usd})
    assert (answer.status_code, error_of(answer)["param"]) == (400, "usd")


async def test_more_at_once_with_proration_less_at_the_periods_end(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await shop.pass_hours(10 * 24)
    client = await shop.again(org)
    assert (await client.post("billing/checkout", json={"plan": "enterprise"})).json()["url"] is None
    await shop.settle()
    assert await shop.plan(org) == "enterprise"
    assert -(await held(shop.worker, org))[Account.REVENUE] == (29_00 + 270_00 * 20 // 30) * CENT
    preview = (await client.get("billing/change", params={"plan": "starter"})).json()["losses"]
    assert "Requests are shown for 30 days only." in preview
    change = (await client.post("billing/checkout", json={"plan": "starter"})).json()
    assert change["losses"] == preview
    await shop.settle()
    assert await shop.plan(org) == "enterprise"
    shown = (await client.get("billing")).json()
    assert (shown["next_plan"], shown["period"]["end"]) == ("starter", change["effective_at"])
    await shop.pass_hours(21 * 24)
    assert await shop.plan(org) == "starter"


async def test_more_waits_for_its_payment(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "starter")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    refused = (await client.post("billing/checkout", json={"plan": "enterprise"})).json()
    invoice = account.all("invoice", customer=customer)[0]
    assert (refused["url"], refused["effective_at"]) == (invoice["hosted_invoice_url"], None)
    assert "payment failed" in refused["message"]
    await shop.settle()
    shown = (await client.get("billing")).json()
    assert (shown["plan"], shown["status"], shown["grace_until"]) == ("starter", "active", None)
    account.pay_open_invoices(customer)
    await shop.settle()
    assert await shop.plan(org) == "enterprise"


async def test_more_that_is_not_paid_within_a_day_is_off(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "starter")
    shop.stripe.account.bad_cards.add(customer)
    await client.post("billing/checkout", json={"plan": "enterprise"})
    await shop.pass_hours(24)
    shop.stripe.account.pay_open_invoices(customer)
    await shop.settle()
    assert await shop.plan(org) == "starter"
    assert Account.RECEIVABLE not in await held(shop.worker, org)
    again = (await (await shop.again(org)).post("billing/checkout", json={"plan": "enterprise"})).json()
    assert again["url"] is None
    await shop.settle()
    assert await shop.plan(org) == "enterprise"


async def test_more_that_is_not_paid_says_that_what_was_planned_is_off(shop: Shop) -> None:
    _, client, customer = await shop.subscribed("acme", "professional")
    await client.post("billing/checkout", json={"plan": "starter"})
    shop.stripe.account.bad_cards.add(customer)
    refused = (await client.post("billing/checkout", json={"plan": "enterprise"})).json()
    await shop.settle()
    assert (await client.get("billing")).json()["next_plan"] is None
    assert "The change to Starter that was planned for the period's end is off" in refused["message"]


async def test_less_during_a_trial_comes_after_it_and_charges_nothing_before(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "professional")
    (subscription,) = shop.stripe.account.all("subscription")
    subscription["status"] = "trialing"
    invoices = len(shop.stripe.account.all("invoice", customer=customer))
    assert (await client.post("billing/checkout", json={"plan": "starter"})).status_code == 200
    await shop.settle()
    shown = (await client.get("billing")).json()
    assert (shown["status"], shown["plan"], shown["next_plan"]) == ("trialing", "professional", "starter")
    assert len(shop.stripe.account.all("invoice", customer=customer)) == invoices
    await shop.pass_hours(31 * 24)
    assert (await shop.plan(org), subscription["status"]) == ("starter", "active")


async def test_more_takes_back_that_the_subscription_ends(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    await client.post("billing/checkout", json={"plan": "free"})
    assert (await client.post("billing/checkout", json={"plan": "professional"})).status_code == 200
    await shop.settle()
    shown = (await client.get("billing")).json()
    assert (shown["plan"], shown["ends_at"]) == ("professional", None)
    assert await shop.plan(org) == "professional"


@pytest.mark.parametrize(
    ("wish", "plan"), [("starter", "starter"), ("enterprise", "enterprise"), ("professional",) * 2]
)
async def test_what_was_cancelled_in_the_portal_is_taken_back_here(shop: Shop, wish: str, plan: str) -> None:
    """The Portal writes a date down; that is what must be taken off."""
    org, client, _ = await shop.subscribed("acme", "professional")
    shop.stripe.account.cancel_in_portal(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert (await client.get("billing")).json()["ends_at"] is not None
    assert (await client.post("billing/checkout", json={"plan": wish})).status_code == 200
    await shop.settle()
    assert (await client.get("billing")).json()["ends_at"] is None
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == plan


async def test_a_downgrade_leaves_a_discount_where_it_is(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    (subscription,) = shop.stripe.account.all("subscription")
    subscription["discounts"] = ["di_half"]
    assert (await client.post("billing/checkout", json={"plan": "starter"})).status_code == 200
    schedule = shop.stripe.account.all("subscription_schedule")[0]
    assert [phase["discounts"] for phase in schedule["phases"]] == [[{"discount": "di_half"}]] * 2
    await shop.pass_hours(31 * 24)
    assert (await shop.plan(org), subscription["discounts"]) == ("starter", ["di_half"])


async def test_a_downgrade_leaves_what_was_added_beside_the_plan_where_it_is(shop: Shop) -> None:
    _, client, _ = await shop.subscribed("acme", "professional")
    account = shop.stripe.account
    (subscription,) = account.all("subscription")
    plan, meter = subscription["items"]["data"]
    about: Json = {"lookup_key": None, "active": True, "metadata": {}, "recurring": {"usage_type": "licensed"}}
    support = account.add("price", "price", unit_amount=500, **about)
    subscription["items"]["data"].append({**plan, "id": "si_support", "price": support, "quantity": 3})
    assert (await client.post("billing/checkout", json={"plan": "starter"})).status_code == 200
    beside = [{"price": meter["price"]["id"]}, {"price": support["id"], "quantity": "3"}]
    assert [phase["items"][1:] for phase in account.all("subscription_schedule")[0]["phases"]] == [beside] * 2


async def test_a_schedule_that_ends_a_subscription_gives_way_to_every_wish(shop: Shop) -> None:
    """Made by the operator: while it is there, Stripe lets nothing else say when the subscription ends."""
    for wish, end, nxt in (("starter", False, "starter"), ("professional", False, None), ("free", True, None)):
        _, client, customer = await shop.subscribed(f"acme-{wish}", "professional")
        (subscription,) = shop.stripe.account.all("subscription", customer=customer)
        schedule = shop.stripe.account.add(
            "subscription_schedule", "sub_sched", customer=customer, metadata={}, phases=[], status="active"
        )
        shop.stripe.account.cancel_in_portal(subscription["id"])
        subscription["schedule"] = schedule["id"]
        assert (await client.post("billing/checkout", json={"plan": wish})).status_code == 200
        await shop.settle()
        shown = (await client.get("billing")).json()
        assert (shown["ends_at"] is not None, shown["next_plan"]) == (end, nxt)


async def test_a_downgrade_to_free_ends_with_the_period(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme")
    await client.post("billing/checkout", json={"plan": "free"})
    await shop.settle()
    assert (await client.get("billing")).json()["ends_at"] is not None
    assert await shop.plan(org) == "starter"
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == "free"
