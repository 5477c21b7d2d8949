"""A quarter in the life of twenty organisations: every evening the books balance; in the end invoices = ledger = usage."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest

from llmgateway.controlplane.billing.books.checking import check
from llmgateway.controlplane.billing.books.ledger import Account
from llmgateway.controlplane.billing.standing import IN_FORCE
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.kit.utc import hour_of
from tests.controlplane.billing.bookkeeping import CENT, START, charged, held
from tests.controlplane.billing.shop import Shop

PLANS = ("starter", "professional", "enterprise", "free")
DAYS = 92


@dataclass
class Quarter:
    """Who is there, and what happened."""

    shop: Shop
    data: Database
    random: Random
    orgs: list[str] = field(default_factory=list[str])
    charged: Counter[str] = field(default_factory=Counter[str])
    happened: Counter[str] = field(default_factory=Counter[str])

    async def day(self) -> None:
        """A few things happen to a few organisations, everybody has some traffic, and the evening comes."""
        if len(self.orgs) < 20 and self.random.random() < 0.6:
            org, _ = await self.shop.owner_of(f"org{len(self.orgs)}")
            self.orgs.append(org)
            self.happened["sign-up"] += 1
        for org in self.random.sample(self.orgs, min(2, len(self.orgs))):
            await self.something(org)
        await self.traffic()
        await self.shop.pass_hours(24)
        now = self.shop.clock.now()
        async with self.shop.worker.transaction() as tx:
            report = await check(tx, START - timedelta(days=1), hour_of(now - timedelta(hours=2)))
        assert report.right, (now, report)

    async def something(self, org: str) -> None:
        """One thing that people, banks or the operator do."""
        account, customer = self.shop.stripe.account, await self.customer(org)
        what = self.random.choice(("plan", "plan", "credit", "credit", "bad card", "good card", "refund", "balance"))
        if what == "plan":
            client = await self.shop.again(org)
            answer = await client.post("billing/checkout", json={"plan": self.random.choice(PLANS)})
            assert answer.status_code in {200, 409}, answer.text
            url = answer.json().get("url") or ""
            if url.startswith("https://checkout.") and self.random.random() < 0.8:
                account.complete(url)
        elif what == "credit":
            client = await self.shop.again(org)
            cents = self.random.randint(50, 50_000)
            answer = await client.post("billing/credit", json={"usd": f"{cents / 100:.2f}"})
            account.complete(answer.json()["url"])
        elif customer is None:
            return
        elif what == "bad card":
            account.bad_cards.add(customer)
        elif what == "balance":
            account.move_balance(customer, self.random.randint(-5_000, 2_000))
        elif what == "good card":
            account.pay_open_invoices(customer)
        else:
            payments = [p for p in account.all("payment_intent", customer=customer) if p["amount"] > 100]
            if not payments:
                return
            account.refund(self.random.choice(payments)["id"], self.random.randint(1, 100))
        self.happened[what] += 1

    async def customer(self, org: str) -> str | None:
        found = await self.shop.api.rows("SELECT customer_id FROM billing_accounts WHERE org_id = :o", o=org)
        return str(found[0]) if found else None

    async def traffic(self) -> None:
        events = [
            charged(
                self.random.choice((0, None, self.random.randint(1, 3 * 10**9))),
                self.shop.clock.now() + timedelta(minutes=self.random.randint(0, 1300)),
                org,
            )
            for org in self.orgs
            for _ in range(self.random.randint(0, 3))
        ]
        for event in events:
            self.charged[event.org_id] += event.charge_nanos or 0
        await UsageStore(self.data).insert(events)


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_the_books_balance_every_day_of_a_quarter(shop: Shop, data: Database) -> None:
    quarter = Quarter(shop, data, Random(2026))
    for _ in range(DAYS):
        await quarter.day()
    assert min(quarter.happened[what] for what in ("plan", "credit", "bad card", "good card", "refund", "balance")) >= 5
    assert quarter.happened["sign-up"] == 20
    account = shop.stripe.account
    for org in quarter.orgs:
        books, customer = await held(shop.worker, org), await quarter.customer(org)
        payments = account.all("payment_intent", customer=customer) if customer else []
        refunds = [refund for payment in payments for refund in account.all("refund", payment_intent=payment["id"])]
        taken = sum(payment["amount"] for payment in payments) - sum(refund["amount"] for refund in refunds)
        assert books.get(Account.STRIPE, 0) == taken * CENT, "what Stripe took is what the books say"
        invoices = account.all("invoice", customer=customer) if customer else []
        owed = sum(invoice["amount_remaining"] for invoice in invoices if invoice["status"] == "open")
        assert books.get(Account.RECEIVABLE, 0) == owed * CENT
        balance = account.things["customer"][customer].get("balance", 0) if customer else 0
        assert books.get(Account.BALANCE, 0) == balance * CENT, (
            "what Stripe holds for invoices to come is what the books say"
        )
        credit_refunds = _refunded(payments, refunds, credit=True)
        invoice_refunds = _refunded(payments, refunds, credit=False)
        bought = sum(payment["amount"] for payment in payments if payment["metadata"])
        by_credit = (bought - credit_refunds) * CENT + books.get(Account.CREDIT, 0)
        waiting = sum(books.get(account, 0) for account in (Account.USAGE, Account.ROUNDING, Account.METERED))
        billed = account.billed.get(customer, 0) if customer else 0
        assert by_credit + billed * CENT + waiting == quarter.charged[org], "usage = credit + invoices + what waits"
        live = [one for one in account.all("subscription", customer=customer) if one["status"] in IN_FORCE]
        assert live or not waiting, "without an invoice to come nothing waits for it"
        plans = sum(invoice["total"] for invoice in invoices) - billed
        revenue = (plans - invoice_refunds) * CENT + quarter.charged[org]
        assert -books.get(Account.REVENUE, 0) == revenue, "invoices = ledger = usage"
    async with shop.worker.transaction() as tx:
        report = await check(tx, START - timedelta(days=1), shop.clock.now())
    assert sum(report.accounts.values()) == 0


def _refunded(payments: list[dict[str, object]], refunds: list[dict[str, object]], *, credit: bool) -> int:
    mine = {payment["id"] for payment in payments if bool(payment["metadata"]) == credit}
    return sum(int(str(refund["amount"])) for refund in refunds if refund["payment_intent"] in mine)
