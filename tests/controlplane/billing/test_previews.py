"""What a change of plan costs is said before, and is what is charged; what was seen by a stale page is not done."""

from datetime import datetime, timedelta

import httpx2
import pytest

from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from tests.controlplane.api import error_of
from tests.controlplane.billing.bookkeeping import CENT, charged, held
from tests.controlplane.billing.shop import Shop


async def test_the_amount_that_was_shown_is_charged(shop: Shop) -> None:
    org, _, _ = await shop.subscribed("acme", "starter")
    await shop.pass_hours(10 * 24)
    client = await shop.again(org)
    shown = (await client.get("billing/change", params={"plan": "professional"})).json()
    assert (shown["step"], shown["instead_of"], shown["effective_at"]) == ("raise", "starter", None)
    assert (shown["due_now_usd"], shown["next_usd"]) == ("46.660000000", "99.000000000")
    assert shown["next_at"] == (await client.get("billing")).json()["period"]["end"]
    shop.clock.advance(50 * 60)
    wish = {"plan": "professional", "instead_of": "starter", "as_of": shown["as_of"]}
    assert (await (await shop.again(org)).post("billing/checkout", json=wish)).status_code == 200
    await shop.settle()
    assert -(await held(shop.worker, org))[Account.REVENUE] == (29_00 + 46_66) * CENT


async def test_a_stale_page_charges_nothing(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "starter")
    seen = (await client.get("billing/change", params={"plan": "professional"})).json()
    await client.post("billing/checkout", json={"plan": "enterprise"})
    invoices = len(shop.stripe.account.all("invoice"))
    for wish, param in (
        ({"plan": "professional", "instead_of": seen["instead_of"], "as_of": seen["as_of"]}, "instead_of"),
        ({"plan": "professional", "as_of": _earlier(seen["as_of"], 61)}, "as_of"),
        ({"plan": "professional", "as_of": _earlier(seen["as_of"], -61)}, "as_of"),
    ):
        refused = await client.post("billing/checkout", json=wish)
        assert (refused.status_code, error_of(refused)["code"], error_of(refused)["param"]) == (
            409, "plan_changed", param,
        )  # fmt: skip
    await shop.settle()
    assert (await shop.plan(org), len(shop.stripe.account.all("invoice"))) == ("enterprise", invoices)


def _earlier(moment: str, minutes: int) -> str:
    return (datetime.fromisoformat(moment) - timedelta(minutes=minutes)).isoformat()


async def test_every_step_says_what_is_paid_now_and_then(shop: Shop) -> None:
    _, stranger = await shop.owner_of("other")
    assert await _costs(stranger, "starter") == ("subscribe", "29.000000000", "29.000000000")
    assert shop.stripe.account.all("customer") == [], "to look is not to buy"
    org, client, customer = await shop.subscribed("acme", "professional")
    assert await _costs(client, "starter") == ("lower", "0.000000000", "29.000000000")
    assert await _costs(client, "free") == ("end", "0.000000000", None)
    await client.post("billing/checkout", json={"plan": "starter"})
    assert await _costs(client, "professional") == ("keep", "0.000000000", None)
    await client.post("billing/checkout", json={"plan": "professional"})
    shop.stripe.account.bad_cards.add(customer)
    await shop.pass_hours(31 * 24)
    client = await shop.again(org)
    assert await _costs(client, "professional") == ("settle", "99.000000000", None)


async def test_what_a_smaller_plan_slows_down_and_wants_paid_in_advance_is_said_before(shop: Shop) -> None:
    _, client, _ = await shop.subscribed("acme", "professional")
    slower = "All keys together may make fewer requests: 300 a minute, 10,000 an hour, 100,000 a day."
    in_advance = (
        "Requests on the gateway's own provider keys are paid in advance then: without credit they are refused."
    )

    async def losses(plan: str) -> list[str]:
        found: list[str] = (await client.get("billing/change", params={"plan": plan})).json()["losses"]
        return found

    beyond = "Nothing goes beyond what Free includes: where that ends, requests are refused."
    assert beyond in await losses("free")
    assert not any("beyond" in one for one in await losses("starter"))
    assert not any("overage" in one for one in await losses("free")), "no word of ours"
    assert slower in await losses("starter")
    assert in_advance not in await losses("starter")
    assert in_advance in await losses("free")
    assert await losses("enterprise") == []


async def _costs(client: httpx2.AsyncClient, plan: str) -> tuple[str, str, str | None]:
    shown = await client.get("billing/change", params={"plan": plan})
    assert shown.status_code == 200, shown.text
    return shown.json()["step"], shown.json()["due_now_usd"], shown.json()["next_usd"]


async def _renews(shop: Shop, org: str) -> tuple[str | None, str | None, str | None]:
    shown = await (await shop.again(org)).get("billing/renewal")
    assert shown.status_code == 200, shown.text
    return shown.json()["plan"], shown.json()["at"], shown.json()["usd"]


async def test_what_is_said_of_the_renewal_is_what_stripe_will_charge(shop: Shop, data: Database) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    end = (await client.get("billing")).json()["period"]["end"]
    assert await _renews(shop, org) == ("professional", end, "99.000000000")
    await shop.stripe_api.price_list.make_plan_price("professional", "Professional", 199_00, "before")
    await UsageStore(data).insert([charged(400 * CENT, shop.clock.now(), org)])
    await shop.pass_hours(3)
    assert await _renews(shop, org) == ("professional", end, "99.000000000"), (
        "who has it keeps the price, and usage is not the plan"
    )
    (subscription,) = shop.stripe.account.all("subscription")
    subscription["discounts"] = ["di_half"]
    assert await _renews(shop, org) == ("professional", end, "49.500000000")
    client = await shop.again(org)
    assert await _costs(client, "starter") == ("lower", "0.000000000", "14.500000000")
    assert (await _costs(client, "enterprise"))[2] == "149.500000000"


async def test_what_is_planned_is_in_the_renewal_and_what_ends_has_none(shop: Shop) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    end = (await client.get("billing")).json()["period"]["end"]
    await client.post("billing/checkout", json={"plan": "starter"})
    await shop.settle()
    assert await _renews(shop, org) == ("starter", end, "29.000000000")
    assert (await _costs(client, "enterprise"))[2] is None, "Stripe is asked nothing beside a schedule"
    await client.post("billing/checkout", json={"plan": "free"})
    assert await _renews(shop, org) == (None, None, None)
    other, _ = await shop.owner_of("other")
    assert await _renews(shop, other) == (None, None, None)


@pytest.mark.parametrize("planned", ["free", "starter"])
async def test_what_was_planned_is_taken_back_at_no_cost(shop: Shop, planned: str) -> None:
    org, client, _ = await shop.subscribed("acme", "professional")
    await client.post("billing/checkout", json={"plan": planned})
    await shop.settle()
    invoices = len(shop.stripe.account.all("invoice"))
    assert (await client.post("billing/checkout", json={"plan": "professional"})).status_code == 200
    await shop.settle()
    shown = (await client.get("billing")).json()
    assert (shown["ends_at"], shown["next_plan"]) == (None, None)
    assert len(shop.stripe.account.all("invoice")) == invoices
    await shop.pass_hours(31 * 24)
    assert await shop.plan(org) == "professional"


async def test_without_stripe_being_there_no_change_is_offered(shop: Shop) -> None:
    _, client, _ = await shop.subscribed("acme", "starter")
    shop.stripe.down = True
    answer = await client.get("billing/change", params={"plan": "professional"})
    assert (answer.status_code, error_of(answer)["code"]) == (503, "stripe_unavailable")
