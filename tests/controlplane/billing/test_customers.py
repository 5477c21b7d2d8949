"""A customer at Stripe follows its organisation: in name and address, and until it is deleted."""

import asyncio

import pytest

from llmgateway.controlplane.billing import customers
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.stripe.errors import StripeUnavailable
from llmgateway.controlplane.billing.stripe_events import drift
from llmgateway.controlplane.orgs import ending
from llmgateway.db.models.users import Member
from tests.controlplane.api import Json
from tests.controlplane.billing.bookkeeping import DOLLAR, held
from tests.controlplane.billing.shop import Shop


async def _follow(shop: Shop) -> None:
    await customers.follow(shop.worker, shop.stripe_api)


def _told(shop: Shop, customer: str) -> tuple[str, str]:
    held: Json = shop.stripe.account.things["customer"][customer]
    return held["name"], held["email"]


async def _hire(shop: Shop, org: str, email: str, role: str) -> str:
    user = await shop.api.person(email)
    async with shop.api.admin.transaction() as tx:
        tx.add(Member(org_id=org, user_id=user, role=role, created_at=shop.clock.now()))
    return user


async def test_invoices_go_to_the_owner_whoever_bought_first(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    admin = await shop.client(await _hire(shop, org, "admin@acme.test", "admin"), org)
    assert (await admin.post("billing/credit", json={"usd": "20"})).status_code == 200
    customer = await shop.customer(org)
    assert _told(shop, customer) == ("acme", "owner@acme.test")
    successor = await _hire(shop, org, "heir@acme.test", "member")
    path = str(client.base_url).rstrip("/")
    assert (await client.post(f"{path}/transfer", json={"user_id": successor})).status_code == 204
    await _follow(shop)
    assert _told(shop, customer) == ("acme", "heir@acme.test")


async def test_a_new_name_is_told_once_stripe_answers_again_and_only_once(shop: Shop) -> None:
    _, client, customer = await shop.subscribed("acme")
    await _follow(shop)
    shop.stripe.down = True
    path = str(client.base_url).rstrip("/")
    assert (await client.patch(path, json={"name": "Acme Inc."})).status_code == 200, "the rename waits for nobody"
    with pytest.raises(StripeUnavailable):
        await _follow(shop)
    shop.stripe.down = False
    shop.stripe.account.things["customer"][customer]["email"] = "invoices@acme.test"
    await _follow(shop)
    assert _told(shop, customer) == ("Acme Inc.", "invoices@acme.test"), "what was set in the Portal stays"
    before = len(shop.stripe.writes)
    await _follow(shop)
    assert len(shop.stripe.writes) == before


async def test_who_has_an_address_that_is_none_to_stripe_buys_and_is_renamed(shop: Shop) -> None:
    """As the first owner has, where nobody said which."""
    owner = await shop.api.person("owner@localhost")
    client = await shop.client(owner, await shop.api.org("acme", owner, plan="free"))
    bought = await client.post("billing/checkout", json={"plan": "starter"})
    assert bought.status_code == 200, bought.text
    shop.stripe.account.complete(bought.json()["url"])
    await shop.settle()
    await client.patch(str(client.base_url).rstrip("/"), json={"name": "Acme Inc."})
    await _follow(shop)
    (customer,) = shop.stripe.account.all("customer")
    assert (customer["name"], customer.get("email")) == ("Acme Inc.", None)
    assert (await client.get("billing")).json()["plan"] == "starter"


async def test_an_address_of_nobody_here_stays_when_nobody_knows_what_stripe_was_told(shop: Shop) -> None:
    """As of every customer that is older than the columns that keep it."""
    _, _, own = await shop.subscribed("acme")
    org, _, left = await shop.subscribed("bravo")
    await _hire(shop, org, "buyer@bravo.test", "admin")
    for customer, email in ((own, "invoices@acme.test"), (left, "buyer@bravo.test")):
        shop.stripe.account.things["customer"][customer].update(name="An old name", email=email)
    await _follow(shop)
    assert _told(shop, own) == ("acme", "invoices@acme.test"), "set in the Portal"
    assert _told(shop, left) == ("bravo", "owner@bravo.test"), "told by us, when somebody else bought"


async def test_a_customer_that_is_gone_stops_nobody_elses_name(shop: Shop) -> None:
    _, _, gone = await shop.subscribed("acme")
    _, other, customer = await shop.subscribed("bravo")
    shop.stripe.account.delete_customer(gone)
    await other.patch(str(other.base_url).rstrip("/"), json={"name": "Bravo Ltd."})
    await _follow(shop)
    assert _told(shop, customer) == ("Bravo Ltd.", "owner@bravo.test")


async def test_what_two_processes_told_at_once_is_told_once_more(shop: Shop) -> None:
    _, client, customer = await shop.subscribed("acme")
    read, told = asyncio.Event(), asyncio.Event()

    class Slow:
        """It reads the old name, and tells it after the other process has told the new one."""

        email = shop.stripe_api.email

        async def change_customer(self, *change: str | None) -> None:
            read.set()
            await told.wait()
            await shop.stripe_api.change_customer(*change)  # pyright: ignore[reportArgumentType]

    class Quick:
        """Its answer is on its way until the other process is done."""

        email = shop.stripe_api.email

        async def change_customer(self, *change: str | None) -> None:
            await shop.stripe_api.change_customer(*change)  # pyright: ignore[reportArgumentType]
            told.set()
            await slow

    slow = asyncio.create_task(customers.follow(shop.worker, Slow()))  # pyright: ignore[reportArgumentType]
    await read.wait()
    await client.patch(str(client.base_url).rstrip("/"), json={"name": "Acme Inc."})
    await customers.follow(shop.worker, Quick())  # pyright: ignore[reportArgumentType]
    assert _told(shop, customer)[0] == "acme", "the older name came last"
    await _follow(shop)
    assert _told(shop, customer)[0] == "Acme Inc."


async def test_pages_that_were_open_when_the_organisation_was_deleted_are_closed(shop: Shop) -> None:
    _, client = await shop.owner_of("acme")
    _, other = await shop.owner_of("bravo")
    for buyer in (client, other):
        for path, body in (("credit", {"usd": "20"}), ("credit", {"usd": "50"}), ("checkout", {"plan": "starter"})):
            assert (await buyer.post(f"billing/{path}", json=body)).status_code == 200
    path = str(client.base_url).rstrip("/")
    assert (await client.delete(path)).status_code == 200
    shop.stripe.down = True
    with pytest.raises(StripeUnavailable):
        await _follow(shop)
    shop.stripe.down = False
    await _follow(shop)
    pages = shop.stripe.account.all("checkout.session")
    assert [page["status"] for page in pages] == ["open"] * 3 + ["expired"] * 3
    await client.post(f"{path}/restore")
    anew = await client.post("billing/credit", json={"usd": "20"})
    assert anew.json()["url"] not in {page["url"] for page in pages}
    shop.clock.advance(60)
    client = await shop.again(path.rpartition("/")[2])
    assert (await client.delete(path)).status_code == 200
    await _follow(shop)
    assert len(shop.stripe.account.all("checkout.session", status="open")) == 3, "also when it is deleted again"


async def test_credit_of_before_that_is_given_back_hides_no_payment_after_the_deletion(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    shop.stripe.account.complete((await client.post("billing/credit", json={"usd": "20"})).json()["url"])
    await shop.settle()
    (before,) = shop.stripe.account.all("payment_intent")
    late = (await client.post("billing/credit", json={"usd": "15"})).json()["url"]
    shop.clock.advance(60)
    path = str(client.base_url).rstrip("/")
    assert (await client.delete(path, params={"give_up_credit": "true"})).status_code == 200
    shop.clock.advance(1)
    shop.stripe.account.complete(late)
    shop.stripe.account.refund(before["id"], 20_00)
    await shop.settle()
    (credit,) = shop.stripe.account.all("payment_intent", amount=15_00)
    assert await drift.report(shop.worker, shop.stripe_api) == [
        f"{org}: is deleted and has paid $15.00 since ({credit['id']}): refund it at Stripe"
    ]
    shop.stripe.account.dispute(credit["id"], 15_00)
    await shop.settle()
    assert await drift.report(shop.worker, shop.stripe_api) == []


async def test_what_is_paid_for_a_deleted_organisation_is_reported_until_it_is_given_back(shop: Shop) -> None:
    org, client = await shop.owner_of("acme")
    before = await client.post("billing/credit", json={"usd": "5"})
    shop.stripe.account.complete(before.json()["url"])
    await shop.settle()
    late = [(await client.post("billing/credit", json={"usd": "20"})).json()["url"]]
    late.append((await client.post("billing/checkout", json={"plan": "starter"})).json()["url"])
    shop.clock.advance(60)
    path = str(client.base_url).rstrip("/")
    assert (await client.delete(path, params={"give_up_credit": "true"})).status_code == 200
    shop.clock.advance(1)
    for page in late:
        shop.stripe.account.complete(page)
    await shop.settle()
    (credit,) = shop.stripe.account.all("payment_intent", amount=20_00)
    (plan,) = shop.stripe.account.all("payment_intent", amount=29_00)
    (subscription,), (invoice,) = (shop.stripe.account.all(kind) for kind in ("subscription", "invoice"))
    runs = f"{org}: is deleted and still pays for {subscription['id']}: end it at Stripe, and refund"
    paid = f"{org}: is deleted and has paid $49.00 since ({invoice['id']}, {credit['id']}): refund it at Stripe"
    await _follow(shop)
    assert await drift.report(shop.worker, shop.stripe_api) == [runs, paid]
    shop.clock.advance(31 * 86_400)
    assert await ending.end_next(shop.worker, shop.clock)
    assert await drift.report(shop.worker, shop.stripe_api) == [runs, paid]
    shop.stripe.account.cancel_now(subscription["id"])
    shop.stripe.account.refund(credit["id"], 20_00)
    await shop.settle()
    assert await drift.report(shop.worker, shop.stripe_api) == [paid.replace("$49", "$29")]
    shop.stripe.account.refund(plan["id"], 29_00)
    await shop.settle()
    assert await drift.report(shop.worker, shop.stripe_api) == []


async def test_what_was_owed_for_a_plan_before_the_deletion_is_paid_after_it_without_a_word(shop: Shop) -> None:
    org, client, customer = await shop.subscribed("acme")
    account = shop.stripe.account
    account.bad_cards.add(customer)
    await shop.pass_hours(31 * 24)
    (subscription,) = account.all("subscription")
    account.cancel_now(subscription["id"])
    await shop.settle()
    client = await shop.again(org)
    assert (await client.delete(str(client.base_url).rstrip("/"))).status_code == 200
    shop.clock.advance(60)
    account.pay_open_invoices(customer)
    await shop.settle()
    assert (await held(shop.worker, org))[Account.STRIPE] == 58 * DOLLAR
    assert await drift.report(shop.worker, shop.stripe_api) == []
