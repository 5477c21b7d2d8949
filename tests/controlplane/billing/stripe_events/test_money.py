"""Stripe: money that comes in, fails and goes back, over HTTP on both sides."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import TextClause, text
from structlog.testing import capture_logs

from llmgateway.commands.stripe import make_ready
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe.api import open_stripe_api
from llmgateway.controlplane.billing.stripe.errors import StripeUnavailable
from llmgateway.controlplane.billing.stripe_events import drift, hints
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.worker import stripe_jobs, work
from tests.controlplane.api import ADDRESS, Api, error_of
from tests.controlplane.billing.bookkeeping import CENT, DOLLAR, charged, held
from tests.controlplane.billing.shop import Shop
from tests.fakes.stripe.server import KEY


async def test_setup_makes_what_is_missing_and_nothing_twice(shop: Shop) -> None:
    assert await make_ready(shop.stripe_api) == ["Stripe has all it needs."]
    assert len(shop.stripe.account.all("price")) == 4


async def test_a_plan_is_bought_at_checkout_and_invoiced(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme", "professional")
    shown = (await client.get("billing")).json()
    assert (shown["plan"], shown["status"], shown["stripe"]) == ("professional", "active", True)
    assert shown["usage"] == {
        "requests": 0, "requests_included": 50_000, "tokens": 0, "tokens_included": 2_500_000,
    }  # fmt: skip
    assert await held(shop.worker, org) == {Account.STRIPE: 99 * DOLLAR, Account.REVENUE: -99 * DOLLAR}
    invoices = (await client.get("billing/invoices")).json()["data"]
    assert [(i["total_usd"], i["status"], i["pdf_url"]) for i in invoices] == [
        ("99.000000000", "paid", "https://invoice.test/i.pdf")
    ]
    assert shop.stripe.account.get("customer", customer) is not None
    assert (await client.post("billing/portal")).json() == {"url": "https://portal.test/p"}


async def test_credit_is_bought_and_a_refund_claws_it_back(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    bought = await client.post("billing/credit", json={"usd": "25.50"})
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    assert (await client.get("billing")).json()["credit_usd"] == "25.500000000"
    payment = shop.stripe.account.all("payment_intent")[0]["id"]
    refund = shop.stripe.account.refund(payment, 550)
    await shop.settle()
    assert (await client.get("billing")).json()["credit_usd"] == "20.000000000"
    shop.stripe.account.fail_refund(refund["id"])
    await shop.settle()
    assert await held(shop.worker, org) == {Account.STRIPE: 2550 * CENT, Account.CREDIT: -2550 * CENT}


@pytest.mark.parametrize(("decision", "left"), [("won", 25), ("lost", 15)])
async def test_a_dispute_claws_credit_back_at_once_until_it_is_won(shop: Shop, decision: str, left: int) -> None:
    org, client = await shop.owner_of("acme")
    bought = await client.post("billing/credit", json={"usd": "25"})
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    payment = shop.stripe.account.all("payment_intent")[0]["id"]
    shop.stripe.account.dispute(payment, 2500, "warning_needs_response")
    await shop.settle()
    assert (await client.get("billing")).json()["credit_usd"] == "25.000000000", "the bank only asks"
    dispute = shop.stripe.account.dispute(payment, 1000)["id"]
    await shop.settle()
    assert (await client.get("billing")).json()["credit_usd"] == "15.000000000"
    shop.stripe.account.close_dispute(dispute, decision)
    for _ in range(2):
        await shop.settle()
        shop.delivered = 0  # all of it once more
    assert await held(shop.worker, org) == {Account.STRIPE: left * DOLLAR, Account.CREDIT: -left * DOLLAR}
    shop.clock.advance(1)
    told = (await client.get("billing/statement")).text
    assert ("Dispute decided, the credit is back" in told) == (decision == "won")


async def test_a_statement_ends_after_it_begins(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    days = {"from": "2026-11-05T00:00:00Z", "to": "2026-11-04T00:00:00Z"}
    refused = await client.get("billing/statement", params=days)
    assert (refused.status_code, error_of(refused)["param"]) == (400, "from")


async def test_a_statement_without_begin_is_of_the_utc_month_of_its_end(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    for until in ("2026-12-01T02:00:00+05:00", "2026-11-30T16:00:00-05:00"):  # both are 30 November, 21:00 UTC
        told = await client.get("billing/statement", params={"to": until})
        assert (told.status_code, "2026-11-01" in told.text) == (200, True)


async def test_a_dispute_of_an_invoice_is_no_revenue(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme", "starter")
    payment = shop.stripe.account.all("payment_intent")[0]["id"]
    shop.stripe.account.dispute(payment, 2900, "under_review")
    await shop.settle()
    assert await held(shop.worker, org) == {}


async def test_a_failed_card_has_grace_then_free_limits_and_paying_brings_the_plan_back(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    shop.stripe.account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    assert await shop.plan(org) == "starter"
    assert "The plan goes on until 12 December 2026" in await shop.api.mail("owner@acme.test")
    for _ in range(6):
        await shop.pass_hours(24)
        assert await shop.plan(org) == "starter"
    await shop.pass_hours(24)
    assert await shop.plan(org) == "free"
    sent = await shop.api.rows("SELECT count(*) FROM outbox WHERE recipient = 'owner@acme.test'")
    assert sent == [4]
    assert "From now on the limits of the Free plan apply" in await shop.api.mail("owner@acme.test")
    assert (await held(shop.worker, org))[Account.RECEIVABLE] == 29 * DOLLAR
    shop.stripe.account.pay_open_invoices(customer)
    await shop.settle()
    assert await shop.plan(org) == "starter"
    assert Account.RECEIVABLE not in await held(shop.worker, org)


async def test_what_is_never_paid_is_unpaid_and_no_revenue_when_voided(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    shop.stripe.account.bad_cards.add(customer)
    await shop.pass_hours(30 * 24)
    await shop.pass_hours(15 * 24)
    assert await shop.plan(org) == "free"
    assert await shop.api.rows("SELECT status FROM billing_accounts") == ["unpaid"]
    shop.stripe.account.void(shop.stripe.account.all("invoice", status="open")[0]["id"])
    await shop.settle()
    assert await held(shop.worker, org) == {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -29 * DOLLAR}


async def test_what_an_operator_assigned_meanwhile_stays_when_a_subscription_ends(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme")
    async with shop.api.admin.transaction() as tx:
        await tx.execute(_assign("enterprise"))
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert await shop.plan(org) == "enterprise"


async def test_an_operator_is_told_that_a_subscription_stands_before_an_assigned_plan(shop: Shop) -> None:
    org, _, customer = await shop.subscribed("acme")
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    path = f"/admin/orgs/{org}"
    shown = (await operator.get(path)).json()["subscription"]
    assert shown == {
        "status": "active",
        "plan": "starter",
        "in_force": True,
        "period_end": "2026-12-05T12:30:00Z",
        "ends_at": None,
    }
    refused = await operator.patch(path, json={"plan": "enterprise"})
    assert (refused.status_code, refused.json()["error"]["param"]) == (409, "plan")
    assert "Cancel it first" in refused.json()["error"]["message"]
    assert "It can end on 2026-12-05." in refused.json()["error"]["message"]
    assert (await operator.patch(path, json={"plan": "starter", "suspended": False})).status_code == 200
    forced = await operator.patch(path, json={"plan": "enterprise", "despite_subscription": True})
    assert (forced.status_code, forced.json()["plan"]) == (200, "enterprise")
    await hints.refresh(shop.worker, shop.clock, shop.stripe_api, customer)
    assert await shop.plan(org) == "starter", "as it was said"


@pytest.mark.parametrize("plan", ["starter", "enterprise"])
async def test_what_an_operator_assigns_after_a_subscription_stays_whatever_stripe_tells_of_it(
    shop: Shop, plan: str
) -> None:
    org, _, customer = await shop.subscribed("acme")
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert await shop.plan(org) == "free"
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    assert (await operator.patch(f"/admin/orgs/{org}", json={"plan": plan})).status_code == 200
    await hints.refresh(shop.worker, shop.clock, shop.stripe_api, customer)
    assert await shop.plan(org) == plan


async def test_only_plans_that_are_paid_for_are_recurring_revenue(shop: Shop) -> None:
    await shop.subscribed("acme")
    await shop.owner_of("given", plan="enterprise")
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    figures = (await operator.get("/admin/figures")).json()
    assert figures["monthly_recurring_usd"] == "29.00"
    plans = {one["plan"]: (one["organisations"], one["paying"]) for one in figures["plans"]}
    assert (plans["starter"], plans["enterprise"]) == ((1, 1), (1, 0))


def _assign(plan: str) -> TextClause:
    return text(f"UPDATE organisations SET plan = '{plan}'")


async def test_usage_goes_on_the_next_invoice_in_whole_cents_and_the_rest_is_carried(
    shop: Shop, data: Database
) -> None:
    org, _, customer = await shop.subscribed("acme")
    amounts = [3 * DOLLAR + 4_999_999, 7, CENT - 1]
    for nanos in amounts:
        await UsageStore(data).insert([charged(nanos, shop.clock.now() + timedelta(minutes=1), org)])
        await shop.pass_hours(24)
    total = sum(amounts)
    assert shop.stripe.account.metered(customer) == total // CENT
    await shop.pass_hours(30 * 24)
    books = await held(shop.worker, org)
    assert -books[Account.REVENUE] == 58 * DOLLAR + total
    assert books[Account.STRIPE] == 58 * DOLLAR + total // CENT * CENT
    assert books.get(Account.ROUNDING, 0) == total % CENT
    assert Account.METERED not in books


async def test_what_no_invoice_takes_is_debt_when_a_subscription_ends_at_once(shop: Shop, data: Database) -> None:
    org, _, _ = await shop.subscribed("acme")
    store = UsageStore(data)
    for nanos in (3 * DOLLAR + 4_999_999, DOLLAR + 7):
        await store.insert([charged(nanos, shop.clock.now() + timedelta(minutes=1), org)])
        await shop.pass_hours(3)
    assert (await held(shop.worker, org))[Account.METERED] == 4 * DOLLAR
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    plan = {Account.STRIPE: 29 * DOLLAR, Account.REVENUE: -33 * DOLLAR - 5_000_006}
    assert await held(shop.worker, org) == plan | {Account.CREDIT: 4 * DOLLAR + 5_000_006}
    await drift.mend(shop.worker, shop.clock, shop.stripe_api)
    assert (await held(shop.worker, org))[Account.CREDIT] == 4 * DOLLAR + 5_000_006, "once"
    client = await shop.again(org)
    shop.stripe.account.complete((await client.post("billing/credit", json={"usd": "10"})).json()["url"])
    await shop.settle()
    assert (await client.get("billing")).json()["credit_usd"] == "5.994999994"
    shop.clock.advance(1)
    assert "Usage that no invoice takes" in (await client.get("billing/statement")).text


async def test_what_the_last_invoice_takes_is_no_debt_in_whatever_order_stripe_tells(
    shop: Shop, data: Database
) -> None:
    org, _, _ = await shop.subscribed("acme")
    await UsageStore(data).insert([charged(4 * DOLLAR, shop.clock.now() + timedelta(minutes=1), org)])
    await shop.pass_hours(3)
    await (await shop.again(org)).post("billing/checkout", json={"plan": "free"})
    await shop.settle()
    shop.clock.advance(31 * 86_400)
    shop.stripe.account.pass_time()
    late = shop.stripe.account.events[shop.delivered :]
    shop.delivered += len(late)
    for event in reversed(late):
        await shop.deliver([event])
        await shop.work()
    assert await held(shop.worker, org) == {Account.STRIPE: 33 * DOLLAR, Account.REVENUE: -33 * DOLLAR}


async def test_when_stripe_is_down_the_page_says_so_and_jobs_try_again(shop: Shop, data: Database) -> None:
    org, client, customer = await shop.subscribed("acme")
    shop.stripe.down = True
    async with open_stripe_api(KEY, shop.stripe.url) as stripe_api:
        with pytest.raises(StripeUnavailable):
            await stripe_api.subscriptions(customer)
    answer = await client.post("billing/portal")
    assert (answer.status_code, error_of(answer)["code"]) == (503, "stripe_unavailable")
    assert (await client.get("billing")).status_code == 200
    await UsageStore(data).insert([charged(2 * DOLLAR, shop.clock.now(), org)])
    shop.clock.advance(7200)
    with pytest.raises(StripeUnavailable):
        await shop.pass_hours(1)
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    await shop.settle()
    assert await shop.plan(org) == "starter"
    shop.stripe.down = False
    await shop.pass_hours(1)
    await shop.work()
    assert await shop.plan(org) == "free"
    assert shop.stripe.account.metered(customer) == 200


async def test_what_is_done_once_a_day_is_done_when_stripe_answers_again(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme")
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    table = stripe_jobs(shop.worker, shop.clock, shop.stripe_api, ADDRESS)
    (daily,) = (job for job in table if job.name == "drift from Stripe")
    assert daily.every == 24 * 3600
    done = asyncio.Event()

    async def step() -> bool:
        shop.stripe.down = not shop.stripe.down
        again = await daily.step()
        done.set()
        return again

    with capture_logs() as logs:
        task = asyncio.ensure_future(work([replace(daily, step=step)], soon=0.01))
        async with asyncio.timeout(60):
            await done.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert logs[0]["event"] == "a job waits for Stripe"
    assert await shop.plan(org) == "free"


async def test_what_was_missed_is_fetched(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    bought = await client.post("billing/checkout", json={"plan": "starter"})
    shop.stripe.account.complete(bought.json()["url"])
    missed = len(shop.stripe.account.events)
    assert await hints.fetch_missed(shop.worker, shop.clock, shop.stripe_api) == missed
    assert await hints.fetch_missed(shop.worker, shop.clock, shop.stripe_api) == 0
    await shop.work()
    assert await shop.plan(org) == "starter"


async def test_drift_is_reported_and_mended(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme")
    assert await drift.report(shop.worker, shop.stripe_api) == []
    shop.stripe.account.cancel_now(shop.stripe.account.all("subscription")[0]["id"])
    lines = await drift.report(shop.worker, shop.stripe_api)
    assert lines == [f"{org}: stored active starter, Stripe has canceled starter"]
    await drift.mend(shop.worker, shop.clock, shop.stripe_api)
    assert await drift.report(shop.worker, shop.stripe_api) == []
    assert await shop.plan(org) == "free"


async def test_without_a_key_nothing_breaks_and_the_page_says_so(api: Api) -> None:
    org, client = await api.owner_of("Acme", plan="starter")
    shown = (await client.get(f"/orgs/{org}/billing")).json()
    assert (shown["stripe"], shown["plan"], shown["status"]) == (False, "starter", "none")
    assert "operator" in shown["message"]
    assert (await client.get(f"/orgs/{org}/billing/invoices")).json() == {"data": [], "next_cursor": None}
    for path, body in (("checkout", {"plan": "professional"}), ("credit", {"usd": "5"}), ("portal", None)):
        answer = await client.post(f"/orgs/{org}/billing/{path}", json=body)
        assert (answer.status_code, error_of(answer)["code"]) == (409, "stripe_not_configured")
    limit = await client.patch(f"/orgs/{org}/billing", json={"overage_limit_usd": "12.5"})
    assert limit.json()["overage_limit_usd"] == "12.500000000"


async def test_a_webhook_counts_only_signed_and_fresh(shop: Shop) -> None:
    await shop.subscribed("acme")
    client, event = shop.api.client(), shop.stripe.account.events[0] | {"id": "evt_new"}
    body, headers = shop.stripe.signed(event)
    old = shop.stripe.signed(event, at=shop.stripe.account.now - 301)
    for content, given in (
        (body, {}),
        (body, {"stripe-signature": "nonsense"}),
        (body + b" ", dict(headers)),
        (body.replace(b"evt_new", b"evt_bad"), dict(headers)),
        (old[0], dict(old[1])),
        shop.stripe.signed(event, at=shop.stripe.account.now + 301),
        shop.stripe.signed({"id": "evt_x"}),
    ):
        answer = await client.post("/webhooks/stripe", content=content, headers=dict(given))
        assert (answer.status_code, error_of(answer)["code"]) == (400, "invalid_signature")
    assert await shop.api.rows("SELECT id FROM stripe_events WHERE id = 'evt_new'") == []
    for _ in range(2):
        assert (await client.post("/webhooks/stripe", content=body, headers=dict(headers))).status_code == 204
    assert await shop.api.rows("SELECT id FROM stripe_events WHERE id = 'evt_new'") == ["evt_new"]
