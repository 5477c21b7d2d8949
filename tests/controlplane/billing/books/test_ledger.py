"""The ledger: balanced and append only by the database itself; sums that no order and no repetition changes."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from llmgateway.controlplane.billing.books import closing, ledger, postings
from llmgateway.controlplane.billing.books.checking import check
from llmgateway.controlplane.billing.books.ledger import Account, Coverage, Posting, PostingKind, Unbalanced
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import CENT, START, clock_at, held, write

NOTHING = dict.fromkeys(Account, 0)
MONEY = st.integers(min_value=-(10**15), max_value=10**15)
POSTING = (
    "INSERT INTO ledger_postings (id, org_id, kind, reference, description, lines, created_at) "
    "VALUES ('p', 'org_1', 'credit', 'r', '', 2, '2026-11-05Z')"
)
LINE = (
    "INSERT INTO ledger_entries (posting_id, line, org_id, account, nanos, created_at) "
    "VALUES ('p', {}, '{}', 'credit', {}, '2026-11-05Z')"
)


async def _run(database: Database, *statements: str) -> None:
    async with database.transaction() as tx:
        for statement in statements:
            await tx.execute(text(statement))


async def _refused(database: Database, *statements: str) -> str:
    with pytest.raises(DBAPIError) as caught:
        await _run(database, *statements)
    return str(getattr(caught.value.orig, "sqlstate", None))


def test_a_posting_that_does_not_balance_cannot_be_made() -> None:
    with pytest.raises(Unbalanced):
        Posting(kind=PostingKind.CREDIT, reference="r", description="", entries={Account.CREDIT: 1, Account.STRIPE: -2})


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (LINE.format(1, "org_1", 5),),
        (LINE.format(1, "org_1", 5), LINE.format(2, "org_1", -4)),
        (LINE.format(1, "org_1", 5), LINE.format(2, "org_2", -5)),
        (LINE.format(1, "org_1", 5), LINE.format(2, "org_1", -6), LINE.format(3, "org_1", 1)),
    ],
    ids=["no lines", "one line", "sum is not 0", "another organisation's line", "more lines than said"],
)
async def test_the_database_refuses_what_does_not_balance(worker: Database, lines: tuple[str, ...]) -> None:
    assert await _refused(worker, POSTING, *lines) == "23514"


async def test_nothing_is_added_to_a_posting_later(worker: Database) -> None:
    await write(worker, clock_at(), postings.credit_bought("pi_1", 5))
    added = "INSERT INTO ledger_entries SELECT id, {}, org_id, 'credit', {}, created_at FROM ledger_postings"
    assert await _refused(worker, added.format(3, 1), added.format(4, -1)) == "23514"


async def test_the_books_cannot_be_changed_by_anybody(worker: Database, database_url: str) -> None:
    await write(worker, clock_at(), postings.credit_bought("pi_1", 5))
    await closing.close_days(worker, clock_at(START + timedelta(days=1)))
    for role in (Role.ADMIN, Role.WORKER, Role.OWNER, Role.APP):
        database = Database(database_url, role)
        for table, column in (("ledger_postings", "lines"), ("ledger_entries", "nanos"), ("ledger_closings", "nanos")):
            assert await _refused(database, f"UPDATE {table} SET {column} = 3") == "42501"
            assert await _refused(database, f"DELETE FROM {table}") == "42501"
            assert await _refused(database, f"TRUNCATE {table} CASCADE") == "42501"
        await database.close()
    assert await held(worker) == {Account.STRIPE: 5, Account.CREDIT: -5}


async def test_app_reads_its_own_books_and_writes_none(worker: Database, app: Database) -> None:
    for org in ("org_1", "org_2"):
        await write(worker, clock_at(), postings.credit_bought("pi_1", 5), org)
    async with app.transaction("org_1") as tx:
        assert (await tx.scalars(text("SELECT DISTINCT org_id FROM ledger_entries"))).all() == ["org_1"]
        assert (await tx.scalars(text("SELECT org_id FROM ledger_postings"))).all() == ["org_1"]
    assert await _refused(app, POSTING) == "42501"
    assert await _refused(app, "UPDATE billing_accounts SET status = 'active'") == "42501"
    assert await _refused(app, "SELECT 1 FROM stripe_events") == "42501"


async def test_a_reference_is_posted_once_also_by_many_at_once(worker: Database) -> None:
    clock = clock_at()
    same = [write(worker, clock, postings.credit_bought("pi_1", 5)) for _ in range(8)]
    assert sorted(await asyncio.gather(*same)) == [False] * 7 + [True]
    assert await held(worker) == {Account.STRIPE: 5, Account.CREDIT: -5}


async def test_the_smallest_and_the_largest_amounts_are_exact(worker: Database) -> None:
    await write(worker, clock_at(), postings.credit_bought("pi_1", 2**62))
    await write(worker, clock_at(), postings.credit_bought("pi_2", 2**62 + 1))
    assert await held(worker) == {Account.STRIPE: 2**63 + 1, Account.CREDIT: -(2**63) - 1}


@given(
    amounts=st.lists(st.tuples(MONEY, st.booleans()), max_size=30),
    credit=st.integers(min_value=0, max_value=10**13),
)
def test_charges_are_revenue_to_the_nano_and_credit_is_used_first(amounts: list[tuple[int, bool]], credit: int) -> None:
    books = {**NOTHING, Account.STRIPE: credit, Account.CREDIT: -credit}
    for amount, invoiced in amounts:
        before = dict(books)
        covers = Coverage(hour=START, events=1)
        _apply(books, postings.usage_charge(amount, books, covers, 1, invoiced=invoiced))
        if not invoiced:
            assert books[Account.USAGE] == before[Account.USAGE]
        elif amount > 0 > before[Account.CREDIT]:
            assert books[Account.USAGE] == before[Account.USAGE] or books[Account.CREDIT] == 0
        elif before[Account.CREDIT] >= 0:
            assert books[Account.CREDIT] == before[Account.CREDIT], "an invoice never makes debt of credit"
    assert -books[Account.REVENUE] == sum(amount for amount, _ in amounts)
    assert sum(books.values()) == 0


@given(amounts=st.lists(st.integers(min_value=-(10**9), max_value=10**9), max_size=40))
def test_whole_cents_go_to_stripe_and_the_rest_is_never_lost(amounts: list[int]) -> None:
    books, reported = dict(NOTHING), 0
    for place, amount in enumerate(amounts):
        _apply(books, postings.usage_charge(amount, books, Coverage(hour=START, events=1), 1, invoiced=True))
        report = postings.metered(str(place), books)
        if report is not None:
            reported += report.entries[Account.METERED]
            _apply(books, report)
        waiting = books[Account.USAGE] + books[Account.ROUNDING]
        assert waiting < CENT
        assert reported % CENT == 0
        if place % 3 == 2:
            total = books[Account.METERED] + 29 * 100 * CENT
            invoice = postings.invoiced("in", "1", books, total=total, usage=books[Account.METERED], tax=0)
            _apply(books, invoice)
            assert books[Account.METERED] == 0
            assert books[Account.USAGE] <= 0, "what is less than a cent is carried in `rounding`"
    assert reported + books[Account.USAGE] + books[Account.ROUNDING] == sum(amounts)


def _apply(books: dict[Account, int], posting: Posting) -> None:
    for account, nanos in posting.entries.items():
        books[account] += nanos


async def test_closing_lines_bound_the_sums_and_change_none(worker: Database) -> None:
    random, clock = Random(7), clock_at(datetime(2026, 11, 1, 0, 10, tzinfo=UTC))
    expected: dict[datetime, int] = {}
    total = 0
    for day in range(8):
        for place in range(random.randint(0, 3)):
            amount = random.randint(1, 10**12)
            total += amount
            await write(worker, clock, postings.credit_bought(f"pi_{day}_{place}", amount))
            clock.advance(60)
        if day % 3 != 1:  # a day that nobody closed is closed by a later one
            await closing.close_days(worker, clock)
        expected[clock.now()] = total
        clock.advance(86_400 - random.randint(0, 300))
    for moment, sum_then in expected.items():
        assert (await held(worker, before=moment + timedelta(microseconds=1)))[Account.STRIPE] == sum_then
    assert (await held(worker))[Account.STRIPE] == total
    async with worker.transaction() as tx:
        assert await closing.wrong_closings(tx) == []
        assert await tx.scalar(text("SELECT count(DISTINCT day) FROM ledger_closings")) == 3
    assert await closing.close_days(worker, clock) + await closing.close_days(worker, clock) <= 1


async def test_a_wrong_closing_line_is_found(worker: Database) -> None:
    await write(worker, clock_at(), postings.credit_bought("pi_1", 5))
    async with worker.transaction() as tx:
        insert = "INSERT INTO ledger_closings VALUES ('org_1', '2026-11-06', 'credit', -4, now())"
        await tx.execute(text(insert))
    async with worker.transaction() as tx:
        report = await check(tx, START, START)
    assert report.closings == ("org_1 2026-11-06 credit: -4",)
    assert not report.right


async def test_one_organisations_books_wait_for_nobody_elses(worker: Database) -> None:
    async with worker.transaction() as tx:
        await ledger.lock(tx, "org_1")
        assert await write(worker, clock_at(), postings.credit_bought("pi_1", 5), "org_2")
