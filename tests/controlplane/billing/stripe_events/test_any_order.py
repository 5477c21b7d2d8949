"""Webhooks in any order, any number of times, late or never: what we know in the end is what Stripe holds."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from llmgateway.controlplane.billing.standing import GRACE, reminders_due, standing_of
from llmgateway.controlplane.billing.stripe.objects import Subscription
from llmgateway.controlplane.billing.stripe_events import hints
from llmgateway.controlplane.plans.service import plan_named
from tests.controlplane.api import Json
from tests.controlplane.billing.shop import Shop

STATUSES = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete", "incomplete_expired", "canceled")
START = datetime(2026, 1, 1, tzinfo=UTC)


def _subscription(status: str, plan: str, day: int) -> Subscription:
    start = START + timedelta(days=day)
    return Subscription(
        id=f"sub_{day}_{plan}_{status}",
        customer_id="cus_1",
        status=status,
        created=start,
        plan=plan,
        item_id="si_1",
        price_id="price_1",
        quantity=1,
        beside=(),
        metered=True,
        period_start=start,
        period_end=start + timedelta(days=30),
    )


SUBSCRIPTIONS = st.builds(
    _subscription,
    st.sampled_from(STATUSES),
    st.sampled_from(["starter", "professional", "enterprise"]),
    st.integers(min_value=0, max_value=60),
)


@given(found=st.lists(SUBSCRIPTIONS, max_size=6), seed=st.integers())
def test_a_standing_does_not_depend_on_the_order_of_a_list(found: list[Subscription], seed: int) -> None:
    mixed = [*found, *found[:2]]
    Random(seed).shuffle(mixed)
    assert standing_of(mixed) == standing_of(found)


@given(found=st.lists(SUBSCRIPTIONS, min_size=1, max_size=6), day=st.integers(min_value=0, max_value=90))
def test_a_plan_is_granted_only_while_it_is_paid_for_or_in_grace(found: list[Subscription], day: int) -> None:
    now = START + timedelta(days=day)
    granted = standing_of(found).granted(now)
    good = {one.plan for one in found if one.status in {"active", "trialing"}}
    grace = {one.plan for one in found if one.status == "past_due" and now < one.period_start + GRACE}
    assert granted in (good or grace | {"free"})
    assert not good or granted == max(good, key=lambda plan: plan_named(plan).price)


def test_reminders_are_one_at_once_and_one_every_three_days() -> None:
    until = START + GRACE
    due = [reminders_due(until, START + timedelta(days=day)) for day in range(9)]
    assert due == [1, 1, 1, 2, 2, 2, 3, 3, 3]


async def _history(shop: Shop, name: str) -> tuple[str, list[Json]]:
    """An organisation to which much happened, and the events of it, none of them delivered."""
    org, client = await shop.owner_of(name)
    account = shop.stripe.account
    bought = await client.post("billing/checkout", json={"plan": "starter"})
    account.complete(bought.json()["url"])
    bought = await client.post("billing/credit", json={"usd": "20"})
    account.complete(bought.json()["url"])
    customer = await shop.customer(org)
    payments = account.all("payment_intent", customer=customer)
    credit = next(payment["id"] for payment in payments if payment["metadata"])
    other = next(payment["id"] for payment in payments if not payment["metadata"])
    account.refund(credit, 700)
    account.fail_refund(account.refund(credit, 100)["id"])
    account.refund(other, 900)
    account.close_dispute(account.dispute(credit, 300)["id"], "won")
    account.dispute(other, 400)
    assert (await client.post("billing/checkout", json={"plan": "enterprise"})).status_code == 200
    account.bad_cards.add(customer)
    assert (await client.post("billing/checkout", json={"plan": "professional"})).status_code == 200
    return org, [
        event
        for event in account.events
        if _of(event) == customer or event["type"].startswith(("refund.", "charge.dispute."))
    ]


def _of(event: Json) -> str | None:
    customer: str | None = event["data"]["object"].get("customer")
    return customer


async def _known(shop: Shop, org: str) -> Sequence[str]:
    """All that is known of one organisation, without ids."""
    account = (
        "SELECT (status, plan, period_start, period_end, grace_until, ends_at, next_plan)::text FROM billing_accounts"
    )
    books = "SELECT account || ' ' || sum(nanos) FROM ledger_entries WHERE org_id = :o GROUP BY account ORDER BY 1"
    kinds = "SELECT kind || ' ' || count(*) FROM ledger_postings WHERE org_id = :o GROUP BY kind ORDER BY 1"
    return [
        *await shop.api.rows(f"{account} WHERE org_id = :o", o=org),
        await shop.plan(org),
        *await shop.api.rows(books, o=org),
        *await shop.api.rows(kinds, o=org),
    ]


async def test_any_order_and_any_repetition_of_deliveries_ends_in_the_same_state(shop: Shop) -> None:
    """Twelve organisations with one history; the events of each arrive in an order of its own, some twice, some never."""
    histories = [await _history(shop, f"org{place}") for place in range(12)]
    shop.clock.advance(30 * 86_400)
    shop.stripe.account.pass_time()
    customers = {org: await shop.customer(org) for org, _ in histories}
    for seed, (org, events) in enumerate(histories):
        random = Random(seed)
        later = [event for event in shop.stripe.account.events if _of(event) == customers[org] and event not in events]
        mixed = [*events, *later]
        mixed += random.sample(mixed, 5)
        if seed:
            random.shuffle(mixed)
        missed = {event["id"] for event in random.sample(mixed, 4)} if seed % 3 == 2 else set[str]()
        arriving = [event for event in mixed if event["id"] not in missed]
        while arriving:
            count = random.randint(1, 6)
            await shop.deliver(arriving[:count])
            arriving = arriving[count:]
            if random.random() < 0.5:
                await shop.work()
        await shop.work()
    await hints.fetch_missed(shop.worker, shop.clock, shop.stripe_api, timedelta(days=40))
    await shop.work()
    ends = [await _known(shop, org) for org, _ in histories]
    assert ends[0][0].startswith("(past_due,professional,")
    assert [end for end in ends if end != ends[0]] == []


async def test_two_workers_follow_hints_at_once(shop: Shop) -> None:
    org, events = await _history(shop, "acme")
    await shop.deliver(events)
    await asyncio.gather(*(shop.work() for _ in range(3)))
    first = await _known(shop, org)
    await shop.deliver([{**event, "id": f"{event['id']}_again"} for event in events])
    await shop.work()
    assert await _known(shop, org) == first
