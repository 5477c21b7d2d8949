"""The deletion of an organisation: what stands against it is said before anything is lost."""

from llmgateway.controlplane.usage.service import insert
from llmgateway.db.session import Database
from tests.controlplane.billing.books import charged
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
