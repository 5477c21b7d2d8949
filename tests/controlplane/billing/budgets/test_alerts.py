"""Alerts of budgets: by mail at 50, 80 and 100 percent, each once; what a hard and a soft budget do then."""

from datetime import UTC, datetime
from typing import Any

import pytest

from llmgateway.contract.refusals import no_room, with_left
from llmgateway.contract.usage import Outcome
from llmgateway.controlplane.billing.budgets import alerts
from llmgateway.controlplane.usage import rollups
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.models.organisations import Project
from llmgateway.db.session import Database
from tests.controlplane.api import ADDRESS
from tests.controlplane.billing.bookkeeping import CENT, DOLLAR, charged
from tests.controlplane.billing.shop import Shop


async def _use(shop: Shop, data: Database, org: str, key: str, nanos: int, **changes: Any) -> list[str]:
    """The subjects of the mails that this use leads to."""
    shop.clock.advance(1)
    event = charged(0, shop.clock.now(), org, key_id=key, cost_nanos=nanos, **changes)
    await UsageStore(data).insert([event])
    before = set(await shop.api.rows("SELECT id FROM outbox"))
    await alerts.tell(shop.worker, shop.clock, ADDRESS)
    found = await shop.api.rows("SELECT id || ' ' || recipient || ' ' || subject FROM outbox ORDER BY id")
    return [one.partition(" ")[2] for one in found if one.partition(" ")[0] not in before]


async def test_each_threshold_is_told_once(shop: Shop, data: Database) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", monthly_budget_nanos=10 * DOLLAR)
    told = [await _use(shop, data, org, key, nanos * DOLLAR // 10) for nanos in (49, 1, 29, 1, 5, 15, 1)]
    alert = 'owner@acme.test acme: {} % of the budget of the key "build" is used'
    assert told == [[], [alert.format(50)], [], [alert.format(80)], [], [alert.format(100)], []]
    mail = await shop.api.mail("owner@acme.test")
    assert '$10.00 of the budget of $10.00 a month of the key "build" is used.' in mail
    assert "It begins anew at 2026-12-01 00:00 UTC." in mail
    assert f"An owner or admin can change it:\n\n    {ADDRESS}/o/acme/budgets" in mail
    await rollups.roll_up_next(shop.worker)
    assert await alerts.tell(shop.worker, shop.clock, ADDRESS) == 0
    shop.clock.advance((datetime(2026, 12, 1, 1, tzinfo=UTC) - shop.clock.now()).total_seconds())
    assert await _use(shop, data, org, key, 6 * DOLLAR) == [alert.format(50)]


async def test_marks_that_one_use_passes_are_one_mail_and_none_of_them_comes_later(shop: Shop, data: Database) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", monthly_budget_nanos=10 * DOLLAR)
    assert _percent(await _use(shop, data, org, key, 9 * DOLLAR)) == ["80 %"]
    assert await shop.api.rows("SELECT percent FROM budget_alerts ORDER BY percent") == [50, 80]
    assert await _use(shop, data, org, key, DOLLAR // 2) == []
    assert _percent(await _use(shop, data, org, key, DOLLAR)) == ["100 "]


async def test_owners_and_admins_hear_of_budgets_of_every_scope_and_period(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    admin, member = await shop.api.person("admin@acme.test"), await shop.api.person("member@acme.test")
    async with shop.api.admin.transaction() as tx:
        project = Project(
            id="proj_1", org_id=org, name="web", monthly_budget_nanos=2 * DOLLAR, created_at=shop.clock.now()
        )
        tx.add(project)
    await shop.api.rows(
        "INSERT INTO members (org_id, user_id, role, created_at) VALUES (:o, :a, 'admin', now()), (:o, :m, 'member', now()) "
        "RETURNING 1",
        o=org,
        a=admin,
        m=member,
    )
    await client.patch(str(client.base_url).rstrip("/"), json={"budgets": {"month_usd": "2", "day_usd": "2"}})
    key = await shop.key(
        org, "build", project_id="proj_1", daily_budget_nanos=2 * DOLLAR, total_budget_nanos=2 * DOLLAR
    )
    told = await _use(shop, data, org, key, DOLLAR, project_id="proj_1")
    whose = ["the organisation", "the organisation", 'the project "web"', 'the key "build"', 'the key "build"']
    wanted = [
        f"{who} acme: 50 % of the budget of {what} is used"
        for what in whose
        for who in ("admin@acme.test", "owner@acme.test")
    ]
    assert sorted(told) == sorted(wanted)


async def test_a_hard_budget_is_used_up_when_a_request_had_no_room_in_it(shop: Shop, data: Database) -> None:
    """The last cents of it are never used: they are too few for a request."""
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", monthly_budget_nanos=10 * DOLLAR)
    assert _percent(await _use(shop, data, org, key, 9 * DOLLAR)) == ["80 %"]
    refused = _refused("This key's budget of $10.00 a month has no room for this request. Or raise the budget.")
    told = await _use(shop, data, org, key, 0, **refused)
    assert [one.partition(": ")[2] for one in told] == ['100 % of the budget of the key "build" is used']
    assert "are refused (402 budget_exceeded) until it begins anew" in await shop.api.mail("owner@acme.test")


async def test_a_large_request_that_was_refused_early_does_not_make_eighty_percent_all(
    shop: Shop, data: Database
) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", monthly_budget_nanos=10 * DOLLAR)
    message = with_left(no_room("This key", "$10.00", "a month"), 9 * DOLLAR)
    assert await _use(shop, data, org, key, 1 * DOLLAR, **_refused(message)) == []
    assert _percent(await _use(shop, data, org, key, 8 * DOLLAR)) == ["80 %"]
    message = with_left(no_room("This key", "$10.00", "a month"), 1 * DOLLAR)
    assert _percent(await _use(shop, data, org, key, 0, **_refused(message))) == ["100 "]


async def test_only_the_budget_that_refused_is_called_used_up_and_once(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    await client.patch(str(client.base_url).rstrip("/"), json={"budgets": {"month_usd": "10"}})
    key = await shop.key(org, "build", daily_budget_nanos=9 * DOLLAR)
    assert len(await _use(shop, data, org, key, 85 * DOLLAR // 10)) == 2  # 80 of both
    by_the_key = _refused("This key's budget of $9.00 a day has no room for this request. Or raise the budget.")
    by_a_provider = {**by_the_key, "outcome": Outcome.FAILED}
    assert await _use(shop, data, org, key, 0, **by_a_provider) == []
    told = await _use(shop, data, org, key, 0, **by_the_key)
    assert [one.partition(": ")[2] for one in told] == ['100 % of the budget of the key "build" is used']
    held = {**_refused("What is left of this organisation's budget is held."), "status": 429}
    assert await _use(shop, data, org, key, 0, **held) == []
    told = await _use(shop, data, org, key, 15 * DOLLAR // 10)
    assert [one.partition(": ")[2] for one in told] == ["100 % of the budget of the organisation is used"]


async def test_what_was_refused_in_another_period_or_at_another_height_is_not_all_of_this_one(
    shop: Shop, data: Database
) -> None:
    org, _ = await shop.owner_of("acme")
    shop.clock.advance((datetime(2026, 11, 5, 23, 40, tzinfo=UTC) - shop.clock.now()).total_seconds())
    daily = await shop.key(org, "build", daily_budget_nanos=10 * DOLLAR)
    await _use(shop, data, org, daily, 9 * DOLLAR)
    refused = _refused("This key's budget of $10.00 a day has no room for this request. Or raise the budget.")
    assert len(await _use(shop, data, org, daily, 0, **refused)) == 1
    shop.clock.advance(3600)  # the next day, and the refusal is not an hour old
    assert _percent(await _use(shop, data, org, daily, 81 * DOLLAR // 10)) == ["80 %"]
    assert _percent(await _use(shop, data, org, daily, 0, **refused)) == ["100 "]
    client = await shop.again(org)
    await client.patch(f"keys/{daily}", json={"budgets": {"day_usd": "9.50"}})
    assert _percent(await _use(shop, data, org, daily, 0)) == ["80 %"]


async def test_what_is_used_in_the_last_seconds_of_a_period_is_told_after_it_and_as_that(
    shop: Shop, data: Database
) -> None:
    org, _ = await shop.owner_of("acme")
    shop.clock.advance((datetime(2026, 11, 30, 23, 59, 50, tzinfo=UTC) - shop.clock.now()).total_seconds())
    key = await shop.key(org, "build", daily_budget_nanos=10 * DOLLAR, monthly_budget_nanos=20 * DOLLAR)
    late = [charged(0, shop.clock.now(), org, key_id=key, cost_nanos=85 * DOLLAR // 10)]
    refused = _refused("This key's budget of $10.00 a day has no room for this request. Or raise the budget.")
    shop.clock.advance(20)
    assert await _use(shop, data, org, key, 6 * DOLLAR) == [
        'owner@acme.test acme: 50 % of the budget of the key "build" is used'
    ], "of the day that runs"
    assert await _use(shop, data, org, key, 0, **refused) == [], "of the new day, less than 80 % of which is used"
    await UsageStore(data).insert(late)
    assert _percent(await _use(shop, data, org, key, 0)) == ["80 %"], "of the day that ended, not of its month"
    mail = await shop.api.mail("owner@acme.test")
    assert '$8.50 of the budget of $10.00 a day of the key "build" was used. It began anew at 2026-12-01 00:00' in mail
    told = _percent(await _use(shop, data, org, key, 2 * DOLLAR))
    assert told == ["100 "], "of the day that runs, with its refusal"


def _percent(subjects: list[str]) -> list[str]:
    return sorted(one.partition(": ")[2][:4] for one in subjects)


def _refused(message: str) -> dict[str, Any]:
    return {"outcome": Outcome.REFUSED, "status": 402, "error_code": "budget_exceeded", "error_message": message}


async def test_what_is_less_than_a_dollar_is_told_to_its_last_digit(shop: Shop, data: Database) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", total_budget_nanos=CENT // 2)
    await _use(shop, data, org, key, CENT // 4)
    assert "$0.0025 of the budget of $0.005 in all of the key" in await shop.api.mail("owner@acme.test")


@pytest.mark.parametrize(("percent", "nanos"), [(80, 8 * CENT), (100, 10 * CENT)])
async def test_a_budget_in_all_is_not_promised_to_begin_anew(
    shop: Shop, data: Database, percent: int, nanos: int
) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", total_budget_nanos=10 * CENT)
    assert _percent(await _use(shop, data, org, key, nanos)) == [f"{percent} %"[:4]]
    mail = await shop.api.mail("owner@acme.test")
    assert "refused (402 budget_exceeded) until it is raised." in mail
    assert "anew" not in mail


async def test_a_soft_budget_is_told_of_and_refuses_nothing(shop: Shop, data: Database) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", total_budget_nanos=DOLLAR, hard_budget=False)
    assert _percent(await _use(shop, data, org, key, 5 * DOLLAR)) == ["100 "]
    assert "It is a soft budget: no request is refused." in await shop.api.mail("owner@acme.test")


async def test_a_budget_that_was_raised_is_told_of_anew(shop: Shop, data: Database) -> None:
    org, client = await shop.owner_of("acme")
    key = await shop.key(org, "build", monthly_budget_nanos=DOLLAR)
    assert len(await _use(shop, data, org, key, DOLLAR)) == 1
    await client.patch(f"keys/{key}", json={"budgets": {"month_usd": "4"}})
    assert await _use(shop, data, org, key, 1) == []
    assert len(await _use(shop, data, org, key, DOLLAR)) == 1


@pytest.mark.parametrize("changes", [{"test": True}, {"org_id": "org_of_others"}])
async def test_what_is_not_of_the_budget_tells_nobody(shop: Shop, data: Database, changes: dict[str, Any]) -> None:
    org, _ = await shop.owner_of("acme")
    key = await shop.key(org, "build", monthly_budget_nanos=DOLLAR)
    told: dict[str, Any] = {"org_id": org, "key_id": key, "cost_nanos": 5 * DOLLAR, **changes}
    event = charged(0, shop.clock.now(), **told)
    await UsageStore(data).insert([event])
    assert await alerts.tell(shop.worker, shop.clock, ADDRESS) == 0
