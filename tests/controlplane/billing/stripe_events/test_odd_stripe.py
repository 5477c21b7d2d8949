"""Stripe says what nobody waited for, or forgets what it knew: nobody else's money stands still for it."""

from datetime import timedelta

import httpx2
import pytest

from llmgateway.commands.stripe import make_ready
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe.api import open_stripe_api
from llmgateway.controlplane.billing.stripe.errors import StripeUnavailable
from llmgateway.controlplane.billing.stripe.price_list import plan_key
from llmgateway.controlplane.billing.stripe_events import drift, hints
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.api import Json
from tests.controlplane.billing.bookkeeping import DOLLAR, charged, held
from tests.controlplane.billing.shop import Shop
from tests.fakes.stripe.server import KEY

NAMELESS: list[tuple[str, Json]] = [
    ("balance.available", {"object": "balance", "available": [{"amount": 5, "currency": "usd"}]}),
    ("invoice.upcoming", {"object": "invoice", "total": 2900, "status": "draft"}),
]
"""Events about what has no id."""


async def _change(client: httpx2.AsyncClient, plan: str) -> Json:
    answer = await client.post("billing/checkout", json={"plan": plan})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(("kind", "about"), NAMELESS)
async def test_events_about_what_has_no_id_hide_no_other(shop: Shop, kind: str, about: Json) -> None:
    org, *_ = await shop.subscribed("acme")
    account = shop.stripe.account
    account.tell(kind, about)
    account.cancel_now(account.all("subscription")[0]["id"])
    shop.delivered = len(account.events)  # none of their webhooks came
    assert await hints.fetch_missed(shop.worker, shop.clock, shop.stripe_api) == 1
    await shop.work()
    assert await shop.plan(org) == "free"


@pytest.mark.parametrize(("kind", "about"), NAMELESS)
async def test_a_webhook_about_what_has_no_id_is_taken_and_forgotten(shop: Shop, kind: str, about: Json) -> None:
    shop.stripe.account.tell(kind, about)
    await shop.deliver(shop.stripe.account.events[-1:])
    assert await shop.api.rows("SELECT id FROM stripe_events WHERE type = :t", t=kind) == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "evt_1", "type": "x", "created": 1e400, "data": {"object": {"id": "x"}}}',
        b'{"id": "evt_1", "type": "x", "created": 1, "data": {"object": ["id"]}}',
        b'{"id": "evt_1", "type": "x", "created": 1, "data": {"object": 7}}',
        b"[" * 100_000,
    ],
)
async def test_a_signed_body_that_is_no_event_is_a_bad_request(shop: Shop, body: bytes) -> None:
    _, headers = shop.stripe.signed({}, body=body)
    answer = await shop.api.client().post("/webhooks/stripe", content=body, headers=dict(headers))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_signature")


async def test_a_customer_that_stripe_forgot_is_reported_and_holds_up_nobody(shop: Shop) -> None:
    orgs = {(await shop.subscribed(name))[0] for name in ("acme", "bolt")}
    gone, other = sorted(orgs)
    account = shop.stripe.account
    account.delete_customer(customer := await shop.customer(gone))
    account.cancel_now(account.all("subscription", customer=await shop.customer(other))[0]["id"])
    shop.delivered = len(account.events)
    lines = await drift.report(shop.worker, shop.stripe_api)
    assert [line for line in lines if line.startswith(gone)] == [
        f"{gone}: Stripe refuses its customer {customer} (No such customer: '{customer}')"
    ]
    await drift.mend(shop.worker, shop.clock, shop.stripe_api)
    assert await shop.plan(other) == "free"


async def test_an_organisation_whose_customer_is_gone_buys_as_another_one(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    first = (await client.post("billing/credit", json={"usd": "5"})).json()["url"]
    shop.stripe.account.complete(first)
    await shop.settle()
    shop.stripe.account.delete_customer(before := await shop.customer(org))
    bought = await client.post("billing/credit", json={"usd": "7"})
    assert bought.status_code == 200, bought.text
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    assert await shop.customer(org) != before
    assert (await client.get("billing")).json()["credit_usd"] == "12.000000000"


async def test_an_organisation_whose_customer_is_gone_has_no_invoices_and_a_page_that_opens(shop: Shop) -> None:
    _, client, customer = await shop.subscribed("acme", "starter")
    assert len((await client.get("billing/invoices")).json()["data"]) == 1
    shop.stripe.account.delete_customer(customer)
    shown = await client.get("billing/invoices")
    assert (shown.status_code, shown.json()["data"]) == (200, [])


async def test_two_who_buy_first_at_once_are_one_customer(shop: Shop) -> None:
    made = {await shop.stripe_api.customer("org_1", "Acme", email) for email in ("ann@a.test", "bob@a.test")}
    assert len(made) == 1


async def test_who_cannot_reach_stripe_reads_one_sentence() -> None:
    async with open_stripe_api(KEY, "http://127.0.0.1:1") as stripe_api:
        with pytest.raises(StripeUnavailable, match=r"^It cannot be reached\.$"):
            await stripe_api.knows("cus_000001")


async def test_what_was_wished_undone_and_wished_again_holds(shop: Shop) -> None:
    _, client, _ = await shop.subscribed("acme", "starter")
    for plan in ("free", "starter", "free"):
        await _change(client, plan)
    await shop.settle()
    assert shop.stripe.account.all("subscription")[0]["cancel_at_period_end"]
    assert (await client.get("billing")).json()["ends_at"] is not None


async def test_a_downgrade_undone_and_wished_again_holds(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    for plan in ("starter", "professional", "starter"):
        await _change(client, plan)
        await shop.settle()
    assert (await client.get("billing")).json()["next_plan"] == "starter"
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == "starter"


async def test_a_downgrade_after_a_cancellation_is_a_downgrade(shop: Shop) -> None:
    _, client, _ = await shop.subscribed("acme", "professional")
    await _change(client, "free")
    await shop.settle()
    await _change(client, "starter")
    await shop.settle()
    shown = (await client.get("billing")).json()
    assert (shown["ends_at"], shown["next_plan"]) == (None, "starter")


async def test_a_price_that_goes_there_and_back_is_the_one_that_is_paid(shop: Shop) -> None:
    key = plan_key("starter")
    before = (await shop.stripe_api.price_list.known_prices([key]))[key]
    await shop.stripe_api.price_list.make_plan_price("starter", "Starter", 3900, before[0])
    assert await make_ready(shop.stripe_api) == ["made the price of Starter: 29 dollars a month"]
    assert (await shop.stripe_api.price_list.known_prices([key]))[key][1] == 2900
    assert await make_ready(shop.stripe_api) == ["Stripe has all it needs."]


async def test_an_invoice_that_could_not_be_read_is_booked_the_next_night(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme")
    meter = next(price for price in shop.stripe.account.all("price") if price["lookup_key"] == "llmgateway_usage")
    meter["lookup_key"] = None
    shop.clock.advance(31 * 24 * 3600)
    shop.stripe.account.pass_time()
    await shop.settle()
    assert await held(shop.worker, org) == {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}
    meter["lookup_key"] = "llmgateway_usage"
    await drift.mend(shop.worker, shop.clock, shop.stripe_api)
    assert await held(shop.worker, org) == {Account.STRIPE: 58 * DOLLAR, Account.REVENUE: -58 * DOLLAR}
    assert await drift.report(shop.worker, shop.stripe_api) == []


async def test_what_stripe_refuses_is_asked_for_again_for_a_month_and_reported_for_ever(shop: Shop) -> None:
    await shop.subscribed("acme")
    (invoice,) = shop.stripe.account.all("invoice")
    invoice["currency"] = "jpy"
    shop.stripe.account.tell("invoice.updated", invoice)
    await shop.settle()
    asked = list[str]()

    class Asked:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(shop.stripe_api, name)

    for days, times in ((30, 1), (2, 0)):
        shop.clock.advance(days * 24 * 3600)
        asked.clear()
        asked.clear()
        await hints.look_again(shop.worker, shop.clock, Asked())  # pyright: ignore[reportArgumentType]
        assert asked.count("invoice") == times
    assert any("is in JPY" in line for line in await drift.report(shop.worker, shop.stripe_api))


async def test_a_subscription_made_by_hand_that_bills_no_usage_is_reported(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    (subscription,) = shop.stripe.account.all("subscription", customer=customer)
    assert await drift.report(shop.worker, shop.stripe_api) == []
    items = subscription["items"]["data"]
    items[:] = [item for item in items if item["price"]["metadata"].get("plan")]
    assert await drift.report(shop.worker, shop.stripe_api) == [
        f"{org}: its usage is on no invoice: add the price llmgateway_usage to {subscription['id']}"
    ]


async def test_an_older_answer_of_stripe_is_not_written_over_a_later_one(shop: Shop) -> None:
    """Two workers ask; the first answer comes last."""
    org, _, customer = await shop.subscribed("acme")

    class Slow:
        asked = 0

        async def subscriptions(self, customer: str) -> object:
            found = await shop.stripe_api.subscriptions(customer)
            self.asked += 1
            if self.asked == 1:
                shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
                await hints.refresh(shop.worker, shop.clock, shop.stripe_api, customer)
            return found

    slow = Slow()
    await hints.refresh(shop.worker, shop.clock, slow, customer)  # pyright: ignore[reportArgumentType]
    assert (slow.asked, await shop.plan(org)) == (2, "free")


async def test_an_invoice_that_was_given_up_and_is_paid_after_all_is_no_loss(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    (invoice,) = account.all("invoice", status="open")
    invoice["status"] = "uncollectible"
    account.tell("invoice.marked_uncollectible", invoice)
    await shop.settle()
    assert (await held(shop.worker, org))[Account.LOSSES] == 29 * DOLLAR
    invoice["status"] = "open"
    account.pay_open_invoices(customer)
    await shop.settle()
    assert await held(shop.worker, org) == {Account.STRIPE: 58 * DOLLAR, Account.REVENUE: -58 * DOLLAR}


async def test_usage_that_the_meter_has_already_is_told(shop: Shop, data: Database) -> None:
    """The answer was lost, and Stripe was away until it had forgotten the idempotency key."""
    org, _, customer = await shop.subscribed("acme")
    await UsageStore(data).insert([charged(4 * DOLLAR, shop.clock.now(), org)])
    shop.clock.advance(7200)
    shop.stripe.lose_answers = 10
    with pytest.raises(StripeUnavailable):
        await shop.pass_hours(1)
    shop.stripe.lose_answers = 0
    shop.stripe.answers.clear()
    assert len(await drift.report(shop.worker, shop.stripe_api)) == 1
    await shop.pass_hours(24)
    assert await drift.report(shop.worker, shop.stripe_api) == []
    assert shop.stripe.account.metered(customer) == 400


async def test_each_part_of_a_payment_is_booked_once(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    (invoice,) = account.all("invoice", status="open")
    for cents, left in ((1000, 19), (1000, 19), (2500, 4), (2900, 0)):
        invoice["amount_paid"] = cents
        invoice["status"] = "open" if left else "paid"
        account.tell("invoice.updated", invoice)
        await shop.settle()
        assert (await held(shop.worker, org)).get(Account.RECEIVABLE, 0) == left * DOLLAR
    assert (await held(shop.worker, org))[Account.STRIPE] == 58 * DOLLAR


async def test_what_stripe_tells_in_many_pages_is_read_to_its_end(shop: Shop, data: Database) -> None:
    shop.stripe.page = 1
    org, _, _ = await shop.subscribed("acme")
    await UsageStore(data).insert([charged(3 * DOLLAR, shop.clock.now() + timedelta(minutes=1), org)])
    await shop.pass_hours(31 * 24)
    renewal, first = shop.stripe.account.all("invoice")
    assert [len(invoice["lines"]["data"]) for invoice in (first, renewal)] == [1, 2]
    payment = shop.stripe.account.all("payment_intent")[-1]
    for _ in range(3):
        shop.stripe.account.refund(payment["id"], 700)
    await shop.settle()
    books = await held(shop.worker, org)
    assert Account.METERED not in books
    assert books[Account.STRIPE] == (29 + 29 + 3 - 21) * DOLLAR == -books[Account.REVENUE]


async def test_money_in_another_currency_is_in_no_book_and_reported(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme")
    (invoice,) = shop.stripe.account.all("invoice")
    copied = {name: value for name, value in invoice.items() if name not in {"id", "object", "created"}}
    other = shop.stripe.account.add("invoice", "in", **{**copied, "currency": "jpy", "total": 300_000})
    shop.stripe.account.tell("invoice.paid", other)
    await shop.settle()
    assert await held(shop.worker, org) == {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}
    assert any(
        "is in JPY; the books are in USD alone." in line for line in await drift.report(shop.worker, shop.stripe_api)
    )
    listed = (await client.get("billing/invoices")).json()["data"]
    assert [(one["total_usd"], one["paid_usd"]) for one in listed] == [(None, None), ("29.000000000",) * 2]


async def test_a_price_that_is_no_plans_takes_nothing_until_the_subscription_ends(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "professional")
    account = shop.stripe.account
    (subscription,) = account.all("subscription", customer=customer)
    special = account.add("price", "price", **{**subscription["items"]["data"][0]["price"], "metadata": {}})
    for item in subscription["items"]["data"]:
        item["price"] = special
    account.tell("customer.subscription.updated", subscription)
    await shop.settle()
    assert await shop.plan(org) == "professional"
    assert any(
        line.startswith(f"{org}: stored active professional")
        for line in await drift.report(shop.worker, shop.stripe_api)
    )
    refused = await client.post("billing/checkout", json={"plan": "enterprise"})
    assert refused.status_code == 409
    assert "no plan here" in refused.json()["error"]["message"]
    account.cancel_now(subscription["id"])
    await shop.settle()
    assert await shop.plan(org) == "free"


async def test_who_does_not_pay_can_still_end_the_subscription(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "professional")
    shop.stripe.account.bad_cards.add(customer)
    await shop.pass_hours(40 * 24)
    assert await shop.plan(org) == "free"
    client = await shop.again(org)
    ended = await _change(client, "free")
    assert ended["effective_at"] is not None
    assert shop.stripe.account.all("subscription")[0]["cancel_at_period_end"]


async def test_an_organisation_that_pays_on_is_not_deleted(shop: Shop) -> None:
    _, client, _ = await shop.subscribed("acme", "professional")
    org = str(client.base_url).rstrip("/")
    refused = await client.delete(org)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "subscription_runs")
    await _change(client, "free")
    await shop.settle()
    assert (await client.delete(org)).status_code == 200


async def test_another_plan_or_period_is_counted_anew_and_a_renewal_goes_on(shop: Shop) -> None:
    """A stripe_access of a quota carries this number; the one of a period that was left counted nothing since."""

    async def number() -> int:
        return int(str((await shop.api.rows("SELECT quota_epoch FROM organisations WHERE id = :o", o=org))[0]))

    org, client, _ = await shop.subscribed("acme", "starter")
    bought = await number()
    assert bought > 0
    await shop.pass_hours(31 * 24)
    assert await number() == bought
    client = await shop.again(org)
    await _change(client, "professional")
    await shop.settle()
    assert await number() == bought + 1
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert (await shop.plan(org), await number()) == ("free", bought + 2)
