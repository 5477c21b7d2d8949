"""Who did not pay: is told so, pays what is open instead of a second subscription, or gives the plan up."""

import pytest

from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.models.users import Member
from llmgateway.db.session import Database
from tests.controlplane.api import error_of
from tests.controlplane.billing.bookkeeping import DOLLAR, charged, held
from tests.controlplane.billing.shop import Shop

GRACE_OVER, GIVEN_UP = 8, 16
"""Days after the renewal that failed: the limits of Free apply, and Stripe tries no more."""


async def _owing(shop: Shop, days: int, plan: str = "professional") -> tuple[str, str]:
    """An organisation that owes its renewal for so long, and its customer."""
    org, _, customer = await shop.subscribed("acme", plan)
    shop.stripe.account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    await shop.pass_hours(days * 24)
    return org, customer


async def test_what_is_unpaid_is_said_with_its_amount_as_long_as_it_is_due(shop: Shop) -> None:
    org, customer = await _owing(shop, 1)
    for days, status, then in (
        (GRACE_OVER, "past_due", "The limits of the Free plan apply until it is paid."),
        (GIVEN_UP, "unpaid", "The limits of the Free plan apply until it is paid."),
    ):
        await shop.pass_hours(days * 24)
        shown = (await (await shop.again(org)).get("billing")).json()
        assert (shown["status"], shown["plan"], shown["due_usd"]) == (status, "free", "99.000000000")
        assert shown["message"].startswith(f"The last payment failed: $99.00 is not paid. {then}")
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    ended = (await (await shop.again(org)).get("billing")).json()
    assert ended["message"].startswith("The subscription has ended with $99.00 invoiced and not paid.")
    shop.stripe.account.pay_open_invoices(customer)
    await shop.settle()
    assert "paid in advance" in (await (await shop.again(org)).get("billing")).json()["message"]


@pytest.mark.parametrize(
    ("days", "plan"), [(1, "professional"), (GRACE_OVER, "professional"), (1, "enterprise"), (GIVEN_UP, "starter")]
)
async def test_who_owes_is_sent_to_the_invoice_and_buys_no_second_subscription(
    shop: Shop, days: int, plan: str
) -> None:
    org, customer = await _owing(shop, days)
    account = shop.stripe.account
    pages, invoices = len(account.all("checkout.session")), len(account.all("invoice"))
    answer = await (await shop.again(org)).post("billing/checkout", json={"plan": plan})
    assert answer.status_code == 200, answer.text
    (owed,) = account.all("invoice", customer=customer, status="open")
    assert answer.json()["url"] == owed["hosted_invoice_url"]
    assert "Pay this invoice, and the plan Professional goes on" in answer.json()["message"]
    assert (len(account.all("checkout.session")), len(account.all("invoice"))) == (pages, invoices)
    account.pay_open_invoices(customer)
    await shop.settle()
    assert await shop.plan(org) == "professional"
    assert Account.RECEIVABLE not in await held(shop.worker, org)


async def test_owners_and_admins_hear_once_of_each_step_and_where_to_pay(shop: Shop) -> None:
    org, _ = await _owing(shop, 0)
    people = {role: await shop.api.person(f"{role}@acme.test") for role in ("admin", "member")}
    async with shop.api.admin.transaction() as tx:
        for role, user_id in people.items():
            tx.add(Member(org_id=org, user_id=user_id, role=role, created_at=shop.clock.now()))
    for _ in range(20):
        await shop.pass_hours(24)
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    for _ in range(3):
        await shop.pass_hours(1)
    about = "SELECT subject FROM outbox WHERE recipient = :to ORDER BY id"
    steps = [
        "acme: an invoice is not paid",
        "acme: an invoice is not paid",
        "acme: the limits of the Free plan apply",
        "acme: the card is not tried again",
        "acme: the subscription has ended unpaid",
    ]
    assert await shop.api.rows(about, to="admin@acme.test") == steps
    assert await shop.api.rows(about, to="owner@acme.test") == [steps[0], *steps]
    assert await shop.api.rows(about, to="member@acme.test") == []
    texts = await shop.api.rows("SELECT body FROM outbox WHERE recipient = 'admin@acme.test'")
    assert all("$99.00 is invoiced and not paid." in text for text in texts)
    assert all("    http://gateway.test/o/acme/billing\n" in text for text in texts)


async def test_who_pays_again_hears_of_no_end_and_of_the_next_failure_anew(shop: Shop) -> None:
    org, customer = await _owing(shop, 1)
    shop.stripe.account.pay_open_invoices(customer)
    await shop.pass_hours(1)
    about = "SELECT subject FROM outbox WHERE recipient = 'owner@acme.test'"
    assert await shop.api.rows(about) == ["acme: an invoice is not paid"]
    shop.stripe.account.bad_cards.add(customer)
    await shop.pass_hours(31 * 24)
    assert await shop.api.rows(about) == ["acme: an invoice is not paid"] * 2
    shop.stripe.account.pay_open_invoices(customer)
    await shop.settle()
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.pass_hours(1)
    assert len(await shop.api.rows(about)) == 2
    assert await shop.plan(org) == "free"


async def test_that_requests_are_refused_comes_first(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    assert "without which they are refused" in (await client.get("billing")).json()["message"]
    await UsageStore(data).insert([charged(0, shop.clock.now(), org, prompt_tokens=50_000, completion_tokens=0)])
    message = (await client.get("billing")).json()["message"]
    assert message.startswith(
        "Requests are refused: all 50,000 tokens of this period are used. They begin anew at 2026-12-01 00:00 UTC;"
    )


async def test_who_is_unpaid_can_end_it_at_once_and_then_buy_anew(shop: Shop) -> None:
    org, _ = await _owing(shop, GIVEN_UP)
    client = await shop.again(org)
    ended = await client.post("billing/checkout", json={"plan": "free"})
    assert (ended.status_code, ended.json()["url"]) == (200, None)
    assert shop.stripe.account.all("subscription")[0]["status"] == "canceled"
    await shop.settle()
    assert (await held(shop.worker, org))[Account.RECEIVABLE] == 99 * DOLLAR, "what was served is owed"
    page = (await client.post("billing/checkout", json={"plan": "starter"})).json()["url"]
    shop.stripe.account.bad_cards.clear()
    shop.stripe.account.complete(page)
    await shop.settle()
    assert await shop.plan(org) == "starter"


async def test_an_unpaid_subscription_whose_invoice_was_given_up_is_ended_first(shop: Shop) -> None:
    org, _ = await _owing(shop, GIVEN_UP)
    shop.stripe.account.void(shop.stripe.account.all("invoice", status="open")[0]["id"])
    await shop.settle()
    client = await shop.again(org)
    refused = await client.post("billing/checkout", json={"plan": "starter"})
    assert (refused.status_code, "Choose the plan 'free' to end it" in error_of(refused)["message"]) == (409, True)
    assert (await client.post("billing/checkout", json={"plan": "free"})).status_code == 200
    await shop.settle()
    page = (await client.post("billing/checkout", json={"plan": "starter"})).json()["url"]
    assert page.startswith("https://checkout.test/")
