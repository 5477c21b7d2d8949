"""Requests that were served without a price are priced again: rows, sums, books and trail say the same, and once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from llmgateway.canon.usage import Usage, UsageSource
from llmgateway.contract.snapshot import Limits, OrgSnapshot, Tariff
from llmgateway.contract.usage import LACKING, UsageEvent
from llmgateway.controlplane.billing.books import ledger, postings
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.charges.hourly import RECENT, post_hour, post_usage
from llmgateway.controlplane.billing.charges.repricing import NewCosts, RepricedLine
from llmgateway.controlplane.keys.service import KeyWish
from llmgateway.controlplane.usage import price_changes
from llmgateway.db.models.billing import BillingAccount
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.utc import HOUR, hour_of
from tests.controlplane.billing.bookkeeping import START, clock_at, held, write
from tests.controlplane.billing.charges.repriced import COST, DAY, TARIFF, Operator, operator, served
from tests.controlplane.records import make_key
from tests.dataplane.routing import CATALOG

CHARGE = TARIFF.charge(COST)
SECOND = timedelta(seconds=1)
LATER = START + timedelta(hours=3)


@pytest.fixture
async def ours(admin: Database) -> Operator:
    """The operator, and an organisation that pays."""
    return await operator(admin)


async def test_what_was_served_unpriced_costs_what_it_would_have_and_is_charged(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id), served(START + DAY, ours.org_id, prompt_tokens=0, completion_tokens=0))
    report = await ours.run(write=False, now=START + 2 * DAY)
    assert (await ours.rows())[0].cost_nanos is None
    assert report.lines[("acme", "groq/fine-tuned", "2026-11-05")] == RepricedLine(1, 0, COST, 0, CHARGE, 1)
    assert (await ours.run(now=START + 2 * DAY)).lines == report.lines
    [first, second] = await ours.rows()
    assert (first.cost_nanos, first.charge_nanos, first.list_cost_nanos) == (COST, CHARGE, COST)
    assert first.price_version == "gateway.yaml: input 1 output 2 search 10"
    assert (second.cost_nanos, second.charge_nanos) == (0, TARIFF.request_fee_nanos)
    assert await held(ours.admin, ours.org_id) == {Account.CREDIT: CHARGE + 7, Account.REVENUE: -CHARGE - 7}
    assert await ours.is_right()


async def test_a_second_run_finds_nothing_and_what_has_no_price_still_is_told(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id), served(org_id=ours.org_id, model="groq/other", served_model="other"))
    assert [len((await ours.run()).lines) for _ in range(3)] == [1, 0, 0]
    assert (await ours.run()).unpriced == {"groq/other": 1}
    assert len(await ours.query("SELECT 1 FROM ledger_postings")) == 1
    assert len(await ours.query("SELECT 1 FROM audit_events WHERE action = 'usage.reprice'")) == 1


async def test_the_trail_says_what_was_changed_of_whose_day(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id), served(org_id=ours.org_id))
    await ours.run()
    found = "SELECT org_id, actor_kind, after FROM audit_events WHERE action = 'usage.reprice'"
    told = {"day": "2026-11-05", "requests": 2, "cost_usd": "0.000034000", "charge_usd": "0.000037414"}
    assert await ours.query(found) == [(ours.org_id, "operator", told)]


async def test_what_was_priced_in_part_is_charged_the_rest(ours: Operator) -> None:
    part: dict[str, Any] = {"cost_nanos": COST, "list_cost_nanos": COST, "price_version": f"v1{LACKING}searches"}
    searched = served(org_id=ours.org_id, usage_details={"searches": 2}, charge_nanos=CHARGE, **part)
    other_tariff = served(
        START + SECOND, ours.org_id, usage_details={"searches": 2}, charge_nanos=CHARGE + 1_000, **part
    )
    long_ago = served(START + 2 * SECOND, ours.org_id, charge_nanos=CHARGE, **part)
    await ours.store(searched, other_tariff, long_ago)
    await post_usage(ours.admin, clock_at(), RECENT)
    whole = COST + 2 * 10_000_000
    report = await ours.run()
    assert [row.cost_nanos for row in await ours.rows()] == [whole, whole, COST]
    assert [row.charge_nanos for row in await ours.rows()] == [
        TARIFF.charge(whole), TARIFF.charge(whole) + 1_000, CHARGE,
    ]  # fmt: skip
    assert report.unpriced["groq/fine-tuned"] == 1, "how often it searched was not kept by releases before"
    assert len(await ours.query("SELECT 1 FROM ledger_postings")) == 2
    assert await ours.is_right()


async def test_what_was_priced_in_part_at_nothing_is_charged_the_rest(ours: Operator) -> None:
    """The tokens of a free model, and searches that had no price; without a fee there was nothing to charge."""
    without_fee = Tariff(markup_ppm=100_000)
    part: dict[str, Any] = {"cost_nanos": 0, "list_cost_nanos": 0, "price_version": f"v1{LACKING}searches"}
    searched: dict[str, Any] = {"prompt_tokens": 0, "completion_tokens": 0, "charge_nanos": 0, **part}
    await ours.store(
        served(org_id=ours.org_id, usage_details={"searches": 2, **without_fee.noted}, **searched),
        served(START + SECOND, ours.org_id, usage_details={"searches": 2, "credential": "cred_1"}, **searched),
        served(START + 2 * SECOND, ours.org_id, usage_details={"searches": 2}, test=True, **searched),
    )
    await ours.run()
    assert [row.cost_nanos for row in await ours.rows()] == [20_000_000] * 3
    assert [row.charge_nanos for row in await ours.rows()] == [22_000_000, 0, 0]
    assert await ours.is_right()


async def test_it_is_charged_by_the_tariff_that_held_when_it_began(ours: Operator) -> None:
    then = Tariff(markup_ppm=500_000, request_fee_nanos=1_000)
    part: dict[str, Any] = {"cost_nanos": COST, "list_cost_nanos": COST, "price_version": f"v1{LACKING}searches"}
    searched = {"searches": 2, **then.noted}
    await ours.store(
        served(org_id=ours.org_id, usage_details=then.noted),
        served(START + SECOND, ours.org_id, usage_details=searched, charge_nanos=then.charge(COST), **part),
        served(START + 2 * SECOND, ours.org_id),
    )
    [line] = (await ours.run()).lines.values()
    assert (line.requests, line.by_present_tariff) == (3, 1)
    charges = [then.charge(COST), then.charge(COST + 2 * 10_000_000), CHARGE]
    assert [row.charge_nanos for row in await ours.rows()] == charges
    assert await ours.is_right()


async def test_a_price_that_begins_in_the_middle_of_the_range_holds_from_then_on(ours: Operator) -> None:
    """https://openrouter.ai: another price since 2026-11-03."""
    days = [datetime(2026, 11, day, 12, tzinfo=UTC) for day in (2, 4)]
    large: dict[str, Any] = {
        "provider": "openrouter",
        "served_model": "mistralai/mistral-large-4-0",
        "prompt_tokens": 1_000_000,
    }
    await ours.store(*(served(at, ours.org_id, model="large", **large) for at in days))
    await ours.run()
    used = Usage(prompt_tokens=1_000_000, completion_tokens=3)
    priced = [CATALOG.price("openrouter", large["served_model"], used, at) for at in days]
    assert [row.cost_nanos for row in await ours.rows()] == [one and one.nanos for one in priced] == [
        680_006_270, 700_006_300,
    ]  # fmt: skip
    assert {row.price_version for row in await ours.rows()} == {CATALOG.version}


async def test_a_service_tier_that_was_kept_is_priced(ours: Operator) -> None:
    tiered: dict[str, Any] = {"provider": "openai", "served_model": "gpt-4.1", "model": "openai/gpt-4.1"}
    await ours.store(served(org_id=ours.org_id, usage_details={"tier": "priority"}, **tiered))
    await ours.run()
    assert [row.cost_nanos for row in await ours.rows()] == [11 * 3_500 + 3 * 14_000]


async def test_on_a_credential_of_its_own_nobody_is_charged(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id, charge_nanos=0))
    await ours.run()
    assert [(row.cost_nanos, row.charge_nanos) for row in await ours.rows()] == [(COST, 0)]
    assert await held(ours.admin, ours.org_id) == {}
    assert await ours.is_right()


async def test_a_crash_is_charged_without_the_fee(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id, usage_source=UsageSource.ESTIMATED, outcome="failed"))
    await ours.run()
    assert [row.charge_nanos for row in await ours.rows()] == [TARIFF.marked_up(COST)]


async def test_who_was_self_hosted_or_ended_is_charged_nothing(ours: Operator) -> None:
    await ours.store(served(org_id="org_that_ended"), served(org_id=ours.org_id))
    async with ours.admin.transaction() as tx:
        await tx.execute(update(Organisation).values(plan="self_hosted"))
    report = await ours.run()
    assert {(row.cost_nanos, row.charge_nanos) for row in await ours.rows()} == {(COST, 0)}
    assert {org for org, _, _ in report.lines} == {"acme", "org_that_ended"}
    assert await ours.is_right()


async def test_what_is_older_than_what_is_charged_late_changes_its_cost_alone(ours: Operator) -> None:
    await ours.store(served(START - 36 * DAY, ours.org_id), served(START - 34 * DAY, ours.org_id))
    await ours.run(now=START)
    assert [row.charge_nanos for row in await ours.rows()] == [0, CHARGE]
    assert await held(ours.admin, ours.org_id) == {Account.CREDIT: CHARGE, Account.REVENUE: -CHARGE}
    assert await ours.is_right()


async def test_an_operator_may_charge_nobody_for_it(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id))
    await ours.run(cost_only=True)
    assert [(row.cost_nanos, row.charge_nanos) for row in await ours.rows()] == [(COST, 0)]
    assert (await ours.run()).lines == {}
    assert await ours.is_right()


async def test_an_hour_that_runs_is_posted_by_who_posts_hours(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id))
    await ours.run(now=START + timedelta(minutes=20))
    assert await held(ours.admin, ours.org_id) == {}
    await post_usage(ours.admin, clock_at(), RECENT)
    assert (await held(ours.admin, ours.org_id))[Account.REVENUE] == -CHARGE


async def test_what_ends_in_the_middle_is_gone_on_with(ours: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(price_changes, "AT_ONCE", 2)
    await ours.store(*(served(START + SECOND * second, ours.org_id) for second in range(5)))
    asked = list[UsageEvent]()

    def price(event: UsageEvent, org: OrgSnapshot) -> NewCosts | None:
        asked.append(event)
        if len(asked) == 4:
            raise RuntimeError("killed")
        return ours.job.price(event, org)

    with pytest.raises(RuntimeError, match="killed"):
        await ours.run(price=price)
    assert [row.cost_nanos for row in await ours.rows()] == [COST, COST, None, None, None]
    assert (await held(ours.admin, ours.org_id))[Account.REVENUE] == -2 * CHARGE
    assert await ours.is_right()
    assert sum(line.requests for line in (await ours.run()).lines.values()) == 3
    assert (await held(ours.admin, ours.org_id))[Account.REVENUE] == -5 * CHARGE
    assert await ours.is_right()


async def test_an_estimate_that_gave_way_to_true_figures_meanwhile_keeps_these(ours: Operator) -> None:
    estimate = served(org_id=ours.org_id, usage_source=UsageSource.ESTIMATED)
    true = served(
        org_id=ours.org_id,
        id=estimate.id,
        created_at=estimate.created_at,
        cost_nanos=1,
        charge_nanos=2,
        price_version="v1",
    )
    await ours.store(estimate)
    async with ours.admin.transaction() as tx:
        part = price_changes.Slice(ours.org_id, START.replace(hour=0, minute=0))
        [before] = await price_changes.batch(tx, ours.job.wanted, part, "")
        await ours.store(true)
        assert await price_changes.write(tx, part, [(before, before)]) == []
    assert (await ours.run()).lines == {}
    assert [(row.cost_nanos, row.charge_nanos) for row in await ours.rows()] == [(1, 2)]


async def test_beside_jobs_that_post_and_store_and_a_second_operator_everything_counts_once(
    ours: Operator, worker: Database
) -> None:
    await ours.store(*(served(START + SECOND * second, ours.org_id) for second in range(40)))
    known = {"cost_nanos": 2, "charge_nanos": 3, "price_version": "v1"}
    late = [served(START + SECOND * (60 + second), ours.org_id, **known) for second in range(10)]
    await asyncio.gather(
        *(ours.run() for _ in range(2)),
        *(post_usage(worker, clock_at(), RECENT) for _ in range(3)),
        *(ours.store(one) for one in late),
    )
    await ours.run()
    await post_usage(worker, clock_at(), RECENT)
    assert (await held(worker, ours.org_id))[Account.REVENUE] == -40 * CHARGE - 30
    assert await ours.is_right()


async def test_while_another_posting_spends_the_credit_it_waits_and_the_rest_goes_on_the_invoice(
    ours: Operator, worker: Database
) -> None:
    """Or both would spend it, and what nobody has would be debt instead of a line of the invoice."""
    here = "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    waiting = f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {here}"
    async with ours.admin.transaction() as tx:
        tx.add(BillingAccount(org_id=ours.org_id, status="active", created_at=START, updated_at=START))
    await write(worker, clock_at(), postings.credit_bought("pi_1", CHARGE + 5), ours.org_id)
    priced = {"cost_nanos": COST, "charge_nanos": CHARGE, "price_version": "v1"}
    await ours.store(served(START - HOUR, ours.org_id, **priced), served(START, ours.org_id))
    async with worker.transaction() as tx:
        await ledger.lock(tx, ours.org_id)
        assert await post_hour(tx, clock_at(), ours.org_id, hour_of(START - HOUR))
        late = asyncio.create_task(ours.run())
        for _ in range(1_000):
            if late.done() or (await ours.query(waiting))[0][0]:
                break
            await asyncio.sleep(0.01)
    await late
    assert await held(worker, ours.org_id) == {
        Account.STRIPE: CHARGE + 5, Account.REVENUE: -2 * CHARGE, Account.USAGE: CHARGE - 5,
    }  # fmt: skip
    assert await ours.is_right()


async def test_a_price_that_was_wrong_changes_what_requests_cost_and_never_what_was_charged(ours: Operator) -> None:
    wrong = {"cost_nanos": 5, "list_cost_nanos": 5, "charge_nanos": 12, "price_version": "gateway.yaml: input 0"}
    elsewhere = wrong | {"list_cost_nanos": 99}
    told = wrong | {"price_version": "told by openrouter"}
    unknown = wrong | {"model": "groq/other", "served_model": "other"}
    events = (wrong, elsewhere, told, unknown)
    await ours.store(*(served(START + SECOND * place, ours.org_id, **one) for place, one in enumerate(events)))
    await post_usage(ours.admin, clock_at(), RECENT)
    assert (await ours.run()).lines == {}
    await ours.run(priced=True)
    found = [(row.cost_nanos, row.list_cost_nanos, row.charge_nanos) for row in await ours.rows()]
    assert found == [(COST, COST, 12), (COST, 99, 12), (5, 5, 12), (5, 5, 12)]
    assert (await ours.run(priced=True)).lines == {}
    assert (await held(ours.admin, ours.org_id))[Account.REVENUE] == -48
    assert await ours.is_right()


@pytest.mark.parametrize(
    ("wish", "epochs"),
    [
        ({"monthly_budget_nanos": 1}, (1, 1)),
        ({"total_budget_nanos": 1}, (1, 2)),
        ({"monthly_budget_nanos": 1, "hard_budget": False}, (0, 0)),
        ({}, (0, 0)),
    ],
)
async def test_budgets_that_refuse_count_what_their_running_period_costs_now(
    ours: Operator, wish: dict[str, int | bool], epochs: tuple[int, int]
) -> None:
    """First a day of this month, then one of the month before."""
    async with ours.admin.transaction() as tx:
        org = await tx.get_one(Organisation, ours.org_id)
    await make_key(ours.admin, org, KeyWish(name="k", limits=Limits(), **wish))  # pyright: ignore[reportArgumentType] -- columns
    found = list[int]()
    for day in (START, START - 30 * DAY):
        await ours.store(served(day, ours.org_id))
        await ours.run()
        found += [epoch for (epoch,) in await ours.query("SELECT budget_epoch FROM api_keys")]
    assert tuple(found) == epochs


async def test_filters_say_what_is_looked_at(ours: Operator) -> None:
    await ours.store(served(org_id=ours.org_id))
    others: list[dict[str, Any]] = [{"provider": "openai"}, {"model": "other"}, {"since": LATER}, {"until": START}]
    for one in others:
        assert (await ours.run(**one)).lines == {}
    assert len((await ours.run(provider="groq", model="fine-tuned", since=START, until=LATER)).lines) == 1
