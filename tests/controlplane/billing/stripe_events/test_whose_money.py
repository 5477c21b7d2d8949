"""Money that goes back is booked against whoever paid it, for what it was paid, and against nobody for what was never ours."""

import pytest

from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe_events import drift
from tests.controlplane.billing.bookkeeping import DOLLAR, held
from tests.controlplane.billing.shop import Shop


async def _goes_back(shop: Shop, payment: str) -> None:
    """A part is refunded; the rest is disputed and lost. All of it is told twice."""
    account = shop.stripe.account
    account.refund(payment, 10_00)
    account.close_dispute(account.dispute(payment, 5_00)["id"], "lost")
    for event in account.events[shop.delivered :]:
        await shop.deliver([event, {**event, "id": f"{event['id']}_again"}])
    shop.delivered = len(account.events)
    await shop.work()


async def test_a_payment_for_something_else_is_in_no_book_and_its_refund_neither(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    other = shop.stripe.account.pay(customer, 50_00, {})
    await _goes_back(shop, other["id"])
    assert await held(shop.worker, org) == {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}
    assert await drift.report(shop.worker, shop.stripe_api) == []


@pytest.mark.parametrize("purpose", ["credit", "another"])
async def test_a_payment_of_a_stranger_is_nobodys_whoever_it_names(shop: Shop, purpose: str) -> None:
    org, _, _ = await shop.subscribed("acme")
    account = shop.stripe.account
    stranger = account.add("customer", "cus")["id"]
    await _goes_back(shop, account.pay(stranger, 50_00, {"purpose": purpose, "org_id": org})["id"])
    assert await held(shop.worker, org) == {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}
    assert await drift.report(shop.worker, shop.stripe_api) == []


@pytest.mark.parametrize("what", ["credit", "invoice"])
async def test_what_a_customer_paid_that_is_gone_goes_back_to_its_organisation(shop: Shop, what: str) -> None:
    org, client, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.complete((await client.post("billing/credit", json={"usd": "30"})).json()["url"])
    await shop.settle()
    payment = next(p["id"] for p in account.all("payment_intent") if bool(p["metadata"]) == (what == "credit"))
    before = await held(shop.worker, org)
    account.delete_customer(customer)
    await shop.settle()
    await client.post("billing/credit", json={"usd": "7"})
    assert await shop.customer(org) != customer
    await _goes_back(shop, payment)
    books, less = await held(shop.worker, org), Account.CREDIT if what == "credit" else Account.REVENUE
    assert (books[Account.STRIPE], books[less]) == (before[Account.STRIPE] - 15 * DOLLAR, before[less] + 15 * DOLLAR)


async def test_a_dispute_of_an_invoice_that_is_won_gives_the_revenue_back_once(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme")
    account = shop.stripe.account
    dispute = account.dispute(account.all("payment_intent")[0]["id"], 29_00)
    await shop.settle()
    assert await held(shop.worker, org) == {}
    account.close_dispute(dispute["id"], "won")
    account.tell("charge.dispute.funds_reinstated", dispute)
    for _ in range(2):
        await shop.settle()
        shop.delivered = 0
    assert await held(shop.worker, org) == {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}


async def test_a_customer_deleted_at_stripe_has_no_plan_and_owes_what_no_invoice_takes(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme")
    shop.stripe.account.delete_customer(customer)
    await shop.settle()
    assert await shop.plan(org) == "free"
    assert (await client.get("billing")).json()["status"] == "canceled"
    bought = await client.post("billing/checkout", json={"plan": "professional"})
    assert bought.status_code == 200, bought.text
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    assert await shop.plan(org) == "professional"


async def test_a_customer_that_never_was_at_this_stripe_keeps_its_plan(shop: Shop) -> None:
    """As with the key of another account, or of test mode: somebody's mistake is nobody's end."""
    org, _, customer = await shop.subscribed("acme")
    del shop.stripe.account.things["customer"][customer]
    await drift.mend(shop.worker, shop.clock, shop.stripe_api)
    assert await shop.plan(org) == "starter"
