"""Invoices that are settled by more than payments: a balance at Stripe, credit notes. In the end nothing is owed that was settled."""

from random import Random

import pytest

from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe_events import hints, invoices
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import CENT, DOLLAR, charged, held
from tests.controlplane.billing.shop import Shop
from tests.fakes.stripe import credit_notes

FIRST = {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}


def _after(changes: dict[Account, int]) -> dict[Account, int]:
    """The first month is paid by card; then so much more on each account."""
    held = {account: FIRST.get(account, 0) + changes.get(account, 0) for account in Account}
    return {account: nanos for account, nanos in held.items() if nanos}


@pytest.mark.parametrize(
    ("given", "paid", "left"),
    [
        (-10_00, 19_00, 0),  # a part of the invoice
        (-40_00, 0, -11_00),  # all of it, and some of the next
        (-28_80, 0, 20),  # less is left than a card can be charged
        (5_00, 34_00, 0),  # owed from before
    ],
)
async def test_an_invoice_paid_from_the_balance_that_stripe_holds_is_paid(
    shop: Shop, given: int, paid: int, left: int
) -> None:
    org, _, customer = await shop.subscribed("acme")
    shop.stripe.account.move_balance(customer, given)
    await shop.settle()
    balance = {Account.BALANCE: given * CENT, Account.GRANTED: -given * CENT}
    assert await held(shop.worker, org) == _after(balance), "given, and not used yet"
    await shop.pass_hours(30 * 24)
    assert (await (await shop.again(org)).get("billing")).json()["due_usd"] == "0.000000000"
    assert await held(shop.worker, org) == _after(
        {
            Account.STRIPE: paid * CENT,
            Account.REVENUE: -29 * DOLLAR,
            Account.BALANCE: left * CENT,
            Account.GRANTED: -given * CENT,
        }
    )
    moves = shop.stripe.account.all("customer_balance_transaction")
    assert [move["ending_balance"] for move in moves] == [left, given]


async def test_what_the_balance_paid_is_known_with_the_invoice_alone(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.move_balance(customer, -29_00)
    shop.clock.advance(31 * 86_400)
    account.pass_time()
    account.events[:] = [event for event in account.events if event["type"] != "customer.updated"]
    await shop.settle()
    assert Account.RECEIVABLE not in await held(shop.worker, org)


async def test_what_a_balance_paid_of_a_voided_invoice_is_back_on_it(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.move_balance(customer, -10_00)
    account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    assert (await held(shop.worker, org))[Account.RECEIVABLE] == 19 * DOLLAR
    client = await shop.again(org)
    assert (await client.get("billing/change", params={"plan": "starter"})).json()["due_now_usd"] == "19.000000000"
    (invoice,) = account.all("invoice", status="open")
    invoice["status"] = "uncollectible"
    account.tell("invoice.marked_uncollectible", invoice)
    await shop.settle()
    assert (await held(shop.worker, org))[Account.LOSSES] == 19 * DOLLAR
    account.void(invoice["id"])
    await shop.settle()
    back = {Account.BALANCE: -10 * DOLLAR, Account.GRANTED: 10 * DOLLAR}
    assert await held(shop.worker, org) == _after(back), "neither earned nor lost"


async def test_a_refused_upgrade_that_is_voided_was_never_revenue_nor_lost(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme")
    shop.stripe.account.bad_cards.add(customer)
    refused = await client.post("billing/checkout", json={"plan": "professional"})
    assert refused.json()["url"].startswith("https://invoice.test/")
    await shop.settle()
    assert (await held(shop.worker, org))[Account.RECEIVABLE] == 70 * DOLLAR
    await shop.pass_hours(24)
    assert [one["status"] for one in shop.stripe.account.all("invoice")] == ["void", "paid"]
    assert await held(shop.worker, org) == _after({})


async def test_what_is_voided_takes_its_tax_and_the_usage_on_it_along_once(shop: Shop, data: Database) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    await UsageStore(data).insert([charged(4 * DOLLAR, shop.clock.now(), org)])
    await shop.pass_hours(3)
    account.bad_cards.add(customer)
    shop.clock.advance(31 * 86_400)
    account.pass_time()
    (invoice,) = account.all("invoice", status="open")
    invoice["total_taxes"] = [{"amount": 5_00}]
    credit_notes.issue(account, invoice["id"], 10_00, tax=1_60)
    account.void(invoice["id"])
    for _ in range(2):
        await shop.settle()
        shop.delivered = 0
    assert await held(shop.worker, org) == _after({})


async def test_a_payment_that_comes_after_the_void_takes_only_what_it_paid_out_of_it(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    shop.clock.advance(31 * 86_400)
    account.pass_time()
    (invoice,) = account.all("invoice", status="open")
    invoice["total_taxes"] = [{"amount": 5_00}]
    account.void(invoice["id"])
    await shop.settle()
    invoice.update(amount_paid=10_00, amount_paid_off_stripe=10_00)
    account.tell("invoice.updated", invoice)
    for _ in range(2):
        await shop.settle()
        shop.delivered = 0
    assert await held(shop.worker, org) == _after({Account.GRANTED: 10 * DOLLAR, Account.REVENUE: -10 * DOLLAR})


async def test_an_invoice_that_was_voided_meanwhile_is_not_given_up_by_an_older_answer(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    (invoice,) = account.all("invoice", status="open")
    account.void(invoice["id"])
    await shop.settle()
    invoice["status"] = "uncollectible"  # as it was when another process asked
    await invoices.take_invoice(shop.worker, shop.clock, shop.stripe_api, invoice["id"])
    assert await held(shop.worker, org) == _after({})


@pytest.mark.parametrize(
    ("way", "account"),
    [("balance", Account.BALANCE), ("refund", Account.STRIPE), ("elsewhere", Account.GRANTED)],
)
async def test_a_credit_note_of_a_paid_invoice_takes_revenue_and_tax_back_once(
    shop: Shop, way: str, account: Account
) -> None:
    org, _, _ = await shop.subscribed("acme")
    stripe = shop.stripe.account
    credit_notes.issue(stripe, stripe.all("invoice")[0]["id"], 10_00, tax=1_60, way=way)
    for _ in range(2):
        await shop.settle()
        shop.delivered = 0  # all of it once more
    given = {account: -10 * DOLLAR, Account.REVENUE: 840 * CENT, Account.TAX: 160 * CENT}
    assert await held(shop.worker, org) == _after(given)


async def test_a_credit_note_of_an_open_invoice_is_less_to_pay_until_it_is_voided(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    (invoice,) = account.all("invoice", status="open")
    note = credit_notes.issue(account, invoice["id"], 9_00)
    await shop.settle()
    assert (await held(shop.worker, org))[Account.RECEIVABLE] == 20 * DOLLAR
    credit_notes.void(account, note)
    await shop.settle()
    assert (await held(shop.worker, org))[Account.RECEIVABLE] == 29 * DOLLAR
    credit_notes.issue(account, invoice["id"], 4_00)
    account.pay_open_invoices(customer)
    await shop.settle()
    assert await held(shop.worker, org) == _after({Account.STRIPE: 25 * DOLLAR, Account.REVENUE: -25 * DOLLAR})


async def test_an_invoice_paid_past_stripe_is_paid_and_stripe_has_nothing_of_it(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    (invoice,) = account.all("invoice", status="open")
    for cents, status in ((10_00, "open"), (29_00, "paid")):
        invoice.update(amount_paid=cents, amount_paid_off_stripe=cents, amount_remaining=29_00 - cents, status=status)
        account.tell("invoice.updated", invoice)
        await shop.settle()
    assert await held(shop.worker, org) == _after({Account.GRANTED: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR})


async def test_the_balance_is_booked_alike_in_any_order_and_what_was_used_still_goes_on_the_invoice(
    shop: Shop, data: Database
) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    await UsageStore(data).insert([charged(4 * DOLLAR, shop.clock.now(), org)])
    await shop.pass_hours(3)
    account.move_balance(customer, -12_34)
    shop.clock.advance(31 * 86_400)
    account.pass_time()
    credit_notes.issue(account, account.all("invoice")[0]["id"], 3_00)
    late = account.events[shop.delivered :] * 2
    shop.delivered = len(account.events)
    Random(7).shuffle(late)
    for event in late:
        await shop.deliver([{**event, "id": f"{event['id']}_{Random(event['id']).random()}"}])
        await shop.work()
    await hints.fetch_missed(shop.worker, shop.clock, shop.stripe_api)
    await shop.work()
    assert await held(shop.worker, org) == _after(
        {
            Account.STRIPE: (33_00 - 12_34) * CENT,
            Account.REVENUE: -30 * DOLLAR,
            Account.BALANCE: -3 * DOLLAR,
            Account.GRANTED: 1234 * CENT,
        }
    )
