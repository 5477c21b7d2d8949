"""The deletion of an organisation: what stands against it is said before anything is lost."""

from sqlalchemy import update

from llmgateway.controlplane.billing.stripe_events import drift
from llmgateway.controlplane.usage.service import insert
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from tests.controlplane.api import error_of
from tests.controlplane.billing.bookkeeping import charged
from tests.controlplane.billing.shop import Shop


async def test_credit_that_would_be_lost_is_told_and_given_up_by_word_alone(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    path = str(client.base_url).rstrip("/")
    bought = await client.post("billing/credit", json={"usd": "25.50"})
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    async with data.transaction() as tx:
        await insert(tx, [charged(500_000_000, org_id=org)])
    refused = await client.delete(path)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (409, "credit_left")
    assert error["message"].startswith("$25.00 of prepaid credit is left"), "what is not posted yet is spent too"
    assert (await client.get(path)).json()["deletes_at"] is None
    deleted = await client.delete(path, params={"give_up_credit": "true"})
    assert deleted.status_code == 200, deleted.text
    assert (await client.post(f"{path}/restore")).status_code == 200
    assert (await client.get("billing")).json()["credit_usd"] == "25.000000000"


async def test_who_has_no_credit_or_owes_deletes_without_a_word_about_it(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    async with data.transaction() as tx:
        await insert(tx, [charged(500_000_000, org_id=org)])
    await shop.pass_hours(2)
    client = await shop.again(org)
    assert (await client.get("billing")).json()["credit_usd"] == "-0.500000000"
    assert (await client.delete(str(client.base_url).rstrip("/"))).status_code == 200


async def test_a_subscription_that_is_unpaid_is_ended_before_its_organisation(shop: Shop) -> None:
    """Whoever paid its open invoice after the end would begin to pay again, for nobody."""
    org, client, customer = await shop.subscribed("acme", "professional")
    shop.stripe.account.bad_cards.add(customer)
    for days in (31, 15):
        await shop.pass_hours(days * 24)
    client = await shop.again(org)
    assert (await client.get("billing")).json()["status"] == "unpaid"
    path = str(client.base_url).rstrip("/")
    refused = await client.delete(path)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "subscription_runs")
    assert (await client.post("billing/checkout", json={"plan": "free"})).status_code == 200
    await shop.settle()
    assert (await client.delete(path)).status_code == 200


async def test_what_ends_after_further_periods_is_charged_on_until_then(shop: Shop) -> None:
    """Somebody set the date at Stripe, as for a contract of some months."""
    org, client, _ = await shop.subscribed("acme")
    account = shop.stripe.account
    (subscription,) = account.all("subscription")
    subscription["cancel_at"] = account.now + 100 * 86_400
    account.tell("customer.subscription.updated", subscription)
    await shop.settle()
    renewal = (await client.get("billing/renewal")).json()
    assert (renewal["usd"], renewal["at"]) == ("29.000000000", (await client.get("billing")).json()["period"]["end"])
    path = str(client.base_url).rstrip("/")
    refused = await client.delete(path)
    assert (refused.status_code, error_of(refused)["code"]) == (409, "subscription_runs")
    assert (await client.post("billing/checkout", json={"plan": "free"})).status_code == 200
    await shop.settle()
    assert (await client.get("billing/renewal")).json()["at"] is None
    assert (await client.delete(path)).status_code == 200
    assert await drift.report(shop.worker, shop.stripe_api) == []
    subscription["cancel_at_period_end"] = False
    assert await drift.report(shop.worker, shop.stripe_api) == [
        f"{org}: stored active starter ends_at=2026-12-05 12:30:00+00:00, Stripe has active starter ends_at=2027-02-13 12:30:00+00:00",
        f"{org}: is deleted and still pays for {subscription['id']}: end it at Stripe, and refund",
    ]


async def test_who_is_given_a_plan_for_nothing_can_end_what_is_charged_on(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    operator = await shop.api.as_(await shop.api.person("op@gateway.test", operator=True))
    given = {"plan": "self_hosted", "despite_subscription": True}
    assert (await operator.patch(f"/admin/orgs/{org}", json=given)).status_code == 200
    assert (await client.get("billing/change", params={"plan": "free"})).json()["losses"] == []
    ended = await client.post("billing/checkout", json={"plan": "free"})
    assert (ended.status_code, ended.json()["losses"]) == (200, [])
    await shop.pass_hours(31 * 24)
    assert (await shop.plan(org), len(shop.stripe.account.all("invoice"))) == ("self_hosted", 1)
    client = await shop.again(org)
    assert (await client.post("billing/checkout", json={"plan": "free"})).status_code == 409
    assert (await client.delete(str(client.base_url).rstrip("/"))).status_code == 200


async def test_who_is_suspended_can_end_what_is_charged_on_and_buys_nothing(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    async with shop.api.admin.transaction() as tx:
        await tx.execute(update(Organisation).values(suspended_at=shop.clock.now()))
    assert (await client.post("billing/portal")).status_code == 200
    for path, body in (("checkout", {"plan": "enterprise"}), ("credit", {"usd": "20"})):
        refused = await client.post(f"billing/{path}", json=body)
        assert (refused.status_code, error_of(refused)["code"]) == (403, "organisation_closed")
    limit = await client.patch("billing", json={"overage_limit_usd": "5"})
    assert (limit.status_code, error_of(limit)["code"]) == (403, "organisation_closed")
    ended = await client.post("billing/checkout", json={"plan": "free"})
    assert ended.status_code == 200, ended.text
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == "free"
    assert len(shop.stripe.account.all("invoice")) == 1, "nothing was charged after that"
