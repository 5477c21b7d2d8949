"""Hints that a stranger could send, or that come of what an operator did in Stripe's dashboard: none is booked wrongly, none stops."""

import asyncio

import pytest
from sqlalchemy import update

from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe.price_list import METER_EVENT
from llmgateway.controlplane.billing.stripe_events import drift, hints
from llmgateway.controlplane.orgs import ending
from llmgateway.controlplane.orgs.service import GRACE
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import DOLLAR, charged, held
from tests.controlplane.billing.shop import Shop
from tests.fakes.stripe import credit_notes

PAID = {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}


@pytest.mark.parametrize(
    ("kind", "thing"),
    [
        ("invoice.paid", "in"),
        ("payment_intent.succeeded", "pi"),
        ("refund.created", "re"),
        ("charge.refunded", "ch"),
        ("charge.dispute.created", "du"),
        ("credit_note.created", "cn"),
        ("customer.updated", "cus"),
        ("customer.subscription.updated", "sub"),
    ],
)
async def test_an_event_of_another_account_or_mode_changes_nothing_and_is_asked_for_once(
    shop: Shop, kind: str, thing: str
) -> None:
    """Signed well, since an endpoint may serve several: what it names is not at our account."""
    org, _, customer = await shop.subscribed("acme")
    about = {"id": f"{thing}_missing", "object": thing, "customer": customer, "livemode": True}
    shop.stripe.account.tell(kind, about)
    shop.stripe.account.events[-1].update(livemode=True, account="acct_other")
    await shop.settle()
    assert not await hints.handle_next(shop.worker, shop.clock, shop.stripe_api)
    assert (await held(shop.worker, org), await shop.plan(org)) == (PAID, "starter")


async def test_credit_refunds_disputes_and_notes_in_another_currency_are_in_no_book_and_reported(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme")
    account = shop.stripe.account
    account.complete((await client.post("billing/credit", json={"usd": "20"})).json()["url"])
    payment = account.all("payment_intent")[0]
    payment["currency"] = "eur"
    refund, dispute = account.refund(payment["id"], 500), account.dispute(payment["id"], 300)
    note = credit_notes.issue(account, account.all("invoice")[0]["id"], 1_00, way="elsewhere")
    note["currency"] = "eur"
    await shop.settle()
    assert await held(shop.worker, org) == PAID
    lines = "\n".join(await drift.report(shop.worker, shop.stripe_api))
    for told in (f"{payment['id']} is in EUR", f"{note['id']} is in EUR"):
        assert told in lines, (told, refund, dispute)


async def test_what_others_pay_this_account_in_another_currency_is_no_trouble_of_ours(shop: Shop) -> None:
    """The account may sell other things elsewhere; what is reported must be worth reading."""
    org, _, _ = await shop.subscribed("acme")
    account = shop.stripe.account
    stranger = account.add("customer", "cus")["id"]
    payment = account.pay(stranger, 50_00, {})
    (invoice,) = account.all("invoice")
    copied = {name: value for name, value in invoice.items() if name not in {"id", "object", "created"}}
    theirs = account.add("invoice", "in", **{**copied, "customer": stranger, "parent": None})
    for found in (payment, account.refund(payment["id"], 10_00), account.dispute(payment["id"], 5_00), theirs):
        found["currency"] = "eur"
    note = credit_notes.issue(account, theirs["id"], 1_00, way="elsewhere")
    note["currency"] = "eur"
    account.tell("invoice.paid", theirs)
    await shop.settle()
    assert await held(shop.worker, org) == PAID
    assert await drift.report(shop.worker, shop.stripe_api) == []


async def test_a_draft_that_was_deleted_is_no_trouble_in_whatever_order_it_is_told(shop: Shop) -> None:
    await shop.subscribed("acme")
    account = shop.stripe.account
    (invoice,) = account.all("invoice")
    draft = {**invoice, "id": "in_missing", "status": "draft"}
    account.tell("invoice.created", draft)
    await shop.settle()
    assert len(await drift.report(shop.worker, shop.stripe_api)) == 1
    account.tell("invoice.deleted", draft)
    await shop.settle()
    account.tell("invoice.updated", draft)
    await shop.settle()
    await hints.look_again(shop.worker, shop.clock, shop.stripe_api)
    assert await drift.report(shop.worker, shop.stripe_api) == []


async def test_an_amount_that_no_book_can_hold_stops_nobody_and_is_reported(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme")
    account = shop.stripe.account
    for cents in (10**13, 20_00):
        account.complete((await client.post("billing/credit", json={"usd": "20"})).json()["url"])
        account.all("payment_intent")[0]["amount_received"] = cents
    await shop.settle()
    assert not await hints.handle_next(shop.worker, shop.clock, shop.stripe_api)
    assert (await held(shop.worker, org))[Account.CREDIT] == -20 * DOLLAR
    (line,) = await drift.report(shop.worker, shop.stripe_api)
    assert "(payment_intent.succeeded): The books cannot keep it" in line
    await hints.look_again(shop.worker, shop.clock, shop.stripe_api)
    assert await drift.report(shop.worker, shop.stripe_api) == [line]


async def test_two_owners_who_raise_the_plan_at_once_pay_the_difference_once(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme")
    wish = {"plan": "professional", "instead_of": "starter"}
    answers = await asyncio.gather(*(client.post("billing/checkout", json=wish) for _ in range(2)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    await shop.settle()
    assert (await held(shop.worker, org))[Account.STRIPE] == 99 * DOLLAR


async def test_usage_on_an_invoice_is_known_as_such_though_its_price_was_archived(shop: Shop, data: Database) -> None:
    org, _, _ = await shop.subscribed("acme")
    await UsageStore(data).insert([charged(4 * DOLLAR, shop.clock.now(), org)])
    await shop.pass_hours(3)
    (meter,) = [price for price in shop.stripe.account.all("price") if price["lookup_key"] == METER_EVENT]
    meter["active"] = False
    await shop.pass_hours(31 * 24)
    assert await held(shop.worker, org) == {Account.STRIPE: 62 * DOLLAR, Account.REVENUE: -62 * DOLLAR}


async def test_a_plan_whose_price_was_archived_is_not_sold_and_who_has_it_keeps_it(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    for price in shop.stripe.account.all("price"):
        price["active"] = price["lookup_key"] == METER_EVENT
    refused = await client.post("billing/checkout", json={"plan": "enterprise"})
    assert (refused.status_code, "llmgateway stripe setup" in refused.text) == (409, True)
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == "professional"


async def test_a_subscription_of_an_organisation_that_is_gone_is_booked_and_reported(shop: Shop) -> None:
    """It was to end, so the organisation could be deleted; then somebody took that back in the Portal."""
    org, _, _ = await shop.subscribed("acme")
    async with shop.api.admin.transaction() as tx:
        await tx.execute(update(Organisation).values(deletes_at=shop.clock.now() + GRACE))
    shop.clock.advance(31 * 86_400)
    while await ending.end_next(shop.worker, shop.clock):
        pass
    shop.stripe.account.pass_time()
    await shop.settle()
    assert (await held(shop.worker, org))[Account.STRIPE] == 58 * DOLLAR
    (subscription,) = shop.stripe.account.all("subscription")
    assert await drift.report(shop.worker, shop.stripe_api) == [
        f"{org}: is deleted and still pays for {subscription['id']}: end it at Stripe, and refund"
    ]
    shop.stripe.account.cancel_in_portal(subscription["id"])
    await shop.settle()
    assert await drift.report(shop.worker, shop.stripe_api) == []
