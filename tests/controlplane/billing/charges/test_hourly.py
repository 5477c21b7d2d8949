"""Charges of usage: the ledger says what the events say, whatever comes late, twice or otherwise than first thought."""

import asyncio
import csv
import io
from datetime import timedelta
from random import Random

from sqlalchemy import text

from llmgateway.canon.usage import UsageSource
from llmgateway.controlplane.billing.books import closing, ledger, postings, statement
from llmgateway.controlplane.billing.books.checking import BooksReport, check
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.charges.hourly import RECENT, post_hour, post_usage
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.kit.utc import hour_of
from tests.controlplane.api import Api, error_of
from tests.controlplane.billing.bookkeeping import START, charged, clock_at, held, write

DAY = timedelta(days=1)


async def _report(worker: Database) -> BooksReport:
    async with worker.transaction() as tx:
        return await check(tx, START - 40 * DAY, START + 40 * DAY)


async def test_an_hour_is_one_posting_with_the_range_of_its_events(worker: Database, data: Database) -> None:
    events = [charged(nanos, START + timedelta(seconds=place)) for place, nanos in enumerate((5, 7, None, 0))]
    await UsageStore(data).insert([*events, charged(100, START, "org_2"), charged(9, START + timedelta(hours=1))])
    assert await post_usage(worker, clock_at(), RECENT) == 3
    assert await held(worker) == {Account.CREDIT: 21, Account.REVENUE: -21}
    query = "SELECT first_event, last_event, events, lines FROM ledger_postings WHERE org_id = 'org_1' ORDER BY hour"
    async with worker.transaction() as tx:
        first = (await tx.execute(text(query))).first()
    assert first == (events[0].id, events[3].id, 3, 2)
    assert (await _report(worker)).right


async def test_posting_again_changes_nothing_also_by_many_at_once(worker: Database, data: Database) -> None:
    await UsageStore(data).insert([charged(5), charged(7, org_id="org_2")])
    counts = await asyncio.gather(*(post_usage(worker, clock_at(), RECENT) for _ in range(4)))
    assert sum(counts) == 2
    assert await post_usage(worker, clock_at(), RECENT) == 0


async def test_what_comes_while_another_posts_the_same_hour_is_posted_once(worker: Database, data: Database) -> None:
    store, here = UsageStore(data), "database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    waiting = text(f"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND {here}")
    await store.insert([charged(5)])
    async with worker.transaction() as tx:
        await ledger.lock(tx, "org_1")
        late = asyncio.create_task(post_usage(worker, clock_at(), RECENT))
        for _ in range(1_000):
            if await tx.scalar(waiting):
                break
            await asyncio.sleep(0.01)
        await store.insert([charged(7)])
        assert await post_hour(tx, clock_at(), "org_1", hour_of(START))
    assert await late == 0
    assert await held(worker) == {Account.CREDIT: 12, Account.REVENUE: -12}


async def test_an_account_that_only_a_newer_release_knows_stops_nothing_and_is_carried_on(
    worker: Database, data: Database
) -> None:
    """During a rolling upgrade, and on the way back."""
    newer = (
        "INSERT INTO ledger_postings VALUES ('p', 'org_1', 'deposit', 'r', '', 2, null, null, null, null, '2026-11-05T13:00Z')",
        "INSERT INTO ledger_entries VALUES ('p', 1, 'org_1', 'escrow', 7, '2026-11-05T13:00Z')",
        "INSERT INTO ledger_entries VALUES ('p', 2, 'org_1', 'stripe', -7, '2026-11-05T13:00Z')",
    )
    async with worker.transaction() as tx:
        for line in newer:
            await tx.execute(text(line))
    await UsageStore(data).insert([charged(5), charged(6, org_id="org_2")])
    assert await post_usage(worker, clock_at(), RECENT) == 2
    assert await closing.close_days(worker, clock_at(START + DAY)) == 2
    assert await held(worker) == {Account.CREDIT: 5, Account.REVENUE: -5, Account.STRIPE: -7}
    async with worker.transaction() as tx:
        assert (await ledger.sums(tx, "org_1"))["escrow"] == 7
        told = [row async for row in statement.lines(tx, "org_1", START, START + DAY)]
        carried = [row async for row in statement.lines(tx, "org_1", START + DAY, START + 2 * DAY)]
    lines = [(row["kind"], row["balance_usd"]) for row in (*told, *carried) if row["account"] == "escrow"]
    assert lines == [("deposit", "0.000000007"), ("opening", "0.000000007")]
    assert (await _report(worker)).right


async def test_an_hour_that_runs_is_not_posted(worker: Database, data: Database) -> None:
    await UsageStore(data).insert([charged(5)])
    assert await post_usage(worker, clock_at(START + timedelta(minutes=33)), RECENT) == 0
    assert await post_usage(worker, clock_at(START + timedelta(minutes=36)), RECENT) == 1


async def test_what_comes_late_is_posted_as_a_change(worker: Database, data: Database) -> None:
    store = UsageStore(data)
    await store.insert([charged(5)])
    await post_usage(worker, clock_at(), RECENT)
    await store.insert([charged(7)])
    assert not (await _report(worker)).right
    assert await post_usage(worker, clock_at(START + 20 * DAY), RECENT) == 0
    assert await post_usage(worker, clock_at(START + 20 * DAY), 35 * DAY) == 1
    assert (await held(worker))[Account.REVENUE] == -12
    assert (await _report(worker)).right


async def test_an_estimate_that_was_too_high_is_given_back(worker: Database, data: Database) -> None:
    store, true = UsageStore(data), charged(3)
    await store.insert([charged(9, id=true.id, created_at=true.created_at, usage_source=UsageSource.ESTIMATED)])
    await post_usage(worker, clock_at(), RECENT)
    await store.insert([true])
    await post_usage(worker, clock_at(), RECENT)
    assert await held(worker) == {Account.CREDIT: 3, Account.REVENUE: -3}


async def test_an_estimate_whose_truth_nobody_can_price_is_given_back(worker: Database, data: Database) -> None:
    store, true = UsageStore(data), charged(None)
    await store.insert([charged(9, id=true.id, created_at=true.created_at, usage_source=UsageSource.ESTIMATED)])
    await post_usage(worker, clock_at(), RECENT)
    await store.insert([true])
    assert [await post_usage(worker, clock_at(), RECENT) for _ in range(2)] == [1, 0]
    assert await held(worker) == {}
    assert (await _report(worker)).right


async def test_what_no_ledger_can_hold_of_one_organisation_is_no_others_trouble(
    worker: Database, data: Database
) -> None:
    """Two charges that together are more than a number of PostgreSQL's; the others' hour is posted all the same."""
    absurd = [charged(2**63 - 1, org_id="org_0") for _ in range(2)]
    await UsageStore(data).insert([*absurd, charged(7, org_id="org_1"), charged(9, org_id="org_2")])
    assert await post_usage(worker, clock_at(), RECENT) == 2
    assert (await held(worker, "org_0"), await held(worker, "org_2")) == ({}, {Account.CREDIT: 9, Account.REVENUE: -9})
    assert [(one.org_id, one.events) for one in (await _report(worker)).differences] == [("org_0", 2**64 - 2)]


async def test_credit_pays_and_what_is_beyond_it_is_debt(worker: Database, data: Database) -> None:
    await write(worker, clock_at(), postings.credit_bought("pi_1", 10))
    await UsageStore(data).insert([charged(25)])
    await post_usage(worker, clock_at(), RECENT)
    assert (await held(worker))[Account.CREDIT] == 15
    await write(worker, clock_at(), postings.credit_bought("pi_2", 20))
    assert (await held(worker))[Account.CREDIT] == -5


async def test_a_subscriber_pays_the_rest_with_the_invoice(worker: Database, data: Database) -> None:
    await write(worker, clock_at(), postings.credit_bought("pi_1", 10))
    await _subscribe(worker, "org_1")
    await UsageStore(data).insert([charged(25)])
    await post_usage(worker, clock_at(), RECENT)
    assert await held(worker) == {Account.STRIPE: 10, Account.USAGE: 15, Account.REVENUE: -25}


async def _subscribe(worker: Database, org_id: str) -> None:
    async with worker.transaction() as tx:
        insert = (
            "INSERT INTO billing_accounts (org_id, status, created_at, updated_at) VALUES (:o, 'active', now(), now())"
        )
        await tx.execute(text(insert), {"o": org_id})


async def test_ledger_is_the_sum_of_events_for_any_traffic(worker: Database, data: Database) -> None:
    """Random charges over days, in random batches, some twice, some late, with the job running in between."""
    random, store, clock = Random(11), UsageStore(data), clock_at(START)
    events = [
        charged(random.choice((0, None, random.randint(1, 10**12))), START + timedelta(minutes=random.randint(0, 3000)),
                random.choice(("org_1", "org_2", "org_3")))
        for _ in range(150)
    ]  # fmt: skip
    for _ in range(12):
        clock.advance(4 * 3600)
        await store.insert(random.sample(events, 20))
        await post_usage(worker, clock, RECENT)
    clock.advance(86_400)
    await store.insert(events)
    await post_usage(worker, clock, 35 * DAY)
    for org in ("org_1", "org_2", "org_3"):
        due = sum(event.charge_nanos or 0 for event in events if event.org_id == org)
        assert -(await held(worker, org)).get(Account.REVENUE, 0) == due
    assert (await _report(worker)).right


async def test_a_charge_without_events_is_found(worker: Database, data: Database) -> None:
    await UsageStore(data).insert([charged(5)])
    await post_usage(worker, clock_at(), RECENT)
    async with worker.transaction() as tx:
        report = await check(tx, START - DAY, START + DAY)
        assert report.right
    covers = postings.Coverage(hour=START.replace(minute=0), events=1)
    await write(worker, clock_at(), postings.usage_charge(1, dict.fromkeys(Account, 0), covers, 9, invoiced=False))
    found = (await _report(worker)).differences
    assert [(row.org_id, row.events, row.ledger) for row in found] == [("org_1", 5, 6)]


async def test_the_statement_shows_opening_balances_and_every_line(api: Api, worker: Database) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    clock = clock_at(START)
    await write(worker, clock, postings.credit_bought("pi_1", 2_000_000_000), org)
    clock.advance(86_400)
    await write(worker, clock, postings.credit_refunded("re_1", 500_000_001), org)
    client = await api.as_(owner)
    wish = {"from": (START + timedelta(hours=12)).isoformat(), "to": (START + 2 * DAY).isoformat()}
    answer = await client.get(f"/orgs/{org}/billing/statement", params=wish)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    opening = {row["account"]: (row["balance_usd"], row["side"]) for row in rows if row["kind"] == "opening"}
    assert opening["credit"] == ("2.000000000", "credit")
    assert opening["stripe"] == ("2.000000000", "debit")
    lines = [
        (row["account"], row["debit_usd"], row["credit_usd"], row["balance_usd"]) for row in rows if row["posting"]
    ]
    assert lines == [
        ("credit", "0.500000001", "", "1.499999999"),
        ("stripe", "", "0.500000001", "1.499999999"),
    ]


async def test_a_statement_writes_times_in_utc_as_the_api_does(api: Api, worker: Database, data: Database) -> None:
    """Whatever the zone of the range; `hour` too."""
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    await UsageStore(data).insert([charged(5, org_id=org)])
    await post_usage(worker, clock_at(), RECENT)
    client = await api.as_(owner)
    wish = {"from": "2026-11-05T02:00:00+05:30", "to": "2026-11-06T00:00:00+05:30"}
    answer = await client.get(f"/orgs/{org}/billing/statement", params=wish)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    opening, lines = ([row for row in rows if bool(row["posting"]) is posted] for posted in (False, True))
    assert {row["time"] for row in opening} == {"2026-11-04T20:30:00Z"}
    assert {(row["time"], row["hour"]) for row in lines} == {("2026-11-05T14:30:00Z", "2026-11-05T12:00:00Z")}


async def test_a_statement_up_to_the_begin_of_a_month_is_of_the_month_before(api: Api, worker: Database) -> None:
    owner = await api.person("o@a.test")
    org = await api.org("Acme", owner)
    await write(worker, clock_at(START), postings.credit_bought("pi_1", 2_000_000_000), org)
    client = await api.as_(owner)
    ends = (START + timedelta(days=31)).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    answer = await client.get(f"/orgs/{org}/billing/statement", params={"to": ends.isoformat()})
    lines = [row for row in csv.DictReader(io.StringIO(answer.text)) if row["posting"]]
    assert {row["account"] for row in lines} == {"credit", "stripe"}
    for wish in ({"from": ends.isoformat(), "to": ends.isoformat()}, {"from": "2500-01-01T00:00:00Z"}):
        refused = await client.get(f"/orgs/{org}/billing/statement", params=wish)
        assert (refused.status_code, error_of(refused)["param"]) == (400, "from")
        assert "`to`, which is now if it is not given" in error_of(refused)["message"]
