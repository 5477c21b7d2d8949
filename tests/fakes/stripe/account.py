"""What Stripe would hold: customers, subscriptions, invoices, payments, and the events that tell of them."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from llmgateway.kit.clock import Clock

Json = dict[str, Any]
PENDING_HOURS = 23
"""A change that is not paid waits for so long."""
LEAST_CHARGE = 50
"""What is less goes on the balance, for the next invoice."""
RETRIES_DAYS = 14
"""After so long without payment a subscription is unpaid."""


def month_later(moment: int) -> int:
    """The same day of the next month, or its last."""
    now = datetime.fromtimestamp(moment, UTC)
    year, month = now.year + now.month // 12, now.month % 12 + 1
    for day in (now.day, 30, 29, 28):
        try:
            return int(now.replace(year=year, month=month, day=day).timestamp())
        except ValueError:
            continue
    raise AssertionError(moment)


@dataclass
class Account:
    """One account's objects by kind and id, its clock, and what it would still deliver."""

    clock: Clock
    things: dict[str, dict[str, Json]] = field(default_factory=dict[str, dict[str, Json]])
    events: list[Json] = field(default_factory=list[Json])
    meter_events: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    """Identifier -> customer and value."""
    billed: dict[str, int] = field(default_factory=dict[str, int])
    """Customer -> cents of metered use that stand on an invoice."""
    bad_cards: set[str] = field(default_factory=set[str])
    """Customers whose payments fail."""
    made: int = 0

    @property
    def now(self) -> int:
        return int(self.clock.now().timestamp())

    def add(self, kind: str, prefix: str, **content: Any) -> Json:
        """A new object with an id of its own."""
        self.made += 1
        identifier = f"{prefix}_{self.made:06d}"
        thing: Json = {"id": identifier, "object": kind, "created": self.now, "livemode": False, **content}
        self.things.setdefault(kind, {})[identifier] = thing
        return thing

    def all(self, kind: str, **wanted: Any) -> list[Json]:
        """Newest first."""
        found = self.things.get(kind, {}).values()
        return [t for t in reversed(found) if all(t.get(name) == value for name, value in wanted.items())]

    def get(self, kind: str, identifier: str) -> Json | None:
        return self.things.get(kind, {}).get(identifier)

    def tell(self, kind: str, about: Json) -> None:
        """An event with the object as it is now."""
        self.made += 1
        self.events.append(
            {
                "id": f"evt_{self.made:06d}",
                "object": "event",
                "api_version": "2026-10-28.endive",
                "created": self.now,
                "livemode": False,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
                "data": {"object": deepcopy(about)},
            }
        )

    # What customers do on Stripe's pages.

    def complete(self, url: str) -> None:
        """Somebody pays on a Checkout page."""
        session = next(found for found in self.all("checkout.session") if found["url"] == url)
        assert session["status"] == "open", "a page is paid once"
        session["status"] = "complete"
        if session["mode"] == "payment":
            about = session["payment_intent_data"]["metadata"]
            payment = self.pay(session["customer"], session["amount_total"], about)
            session["payment_intent"] = payment["id"]
        else:
            prices = [self.things["price"][line["price"]] for line in session["line_items"]]
            session["subscription"] = self.subscribe(
                session["customer"], prices, session["subscription_data"]["metadata"]
            )["id"]
        self.tell("checkout.session.completed", session)

    def refund(self, payment: str, cents: int, status: str = "succeeded") -> Json:
        """The operator gives money back."""
        charge = self.all("charge", payment_intent=payment)[0]
        refund = self.add(
            "refund", "re", amount=cents, payment_intent=payment, charge=charge["id"], status=status, currency="usd"
        )
        self.tell("refund.created", refund)
        self.tell("charge.refunded", charge)
        return refund

    def fail_refund(self, refund: str) -> None:
        """The bank did not take it."""
        found = self.things["refund"][refund]
        found["status"] = "failed"
        self.tell("refund.failed", found)

    def dispute(self, payment: str, cents: int, status: str = "needs_response") -> Json:
        """Somebody tells the bank that the payment was not theirs."""
        charge = self.all("charge", payment_intent=payment)[0]
        dispute = self.add(
            "dispute", "du", amount=cents, payment_intent=payment, charge=charge["id"], status=status, currency="usd"
        )
        self.tell("charge.dispute.created", dispute)
        return dispute

    def close_dispute(self, dispute: str, status: str) -> None:
        """The bank decides."""
        found = self.things["dispute"][dispute]
        found["status"] = status
        self.tell("charge.dispute.closed", found)

    def pay_open_invoices(self, customer: str) -> None:
        """The card works again."""
        self.bad_cards.discard(customer)
        for invoice in self.all("invoice", customer=customer, status="open"):
            self._settle(invoice)

    def void(self, invoice: str) -> None:
        """The operator gives an invoice up."""
        found = self.things["invoice"][invoice]
        found["status"] = "void"
        applied = sum(move["amount"] for move in self.all("customer_balance_transaction", invoice=invoice))
        if applied:
            self.move_balance(found["customer"], -applied, "unapplied_from_invoice", invoice=invoice)
        self.tell("invoice.voided", found)

    def move_balance(self, customer: str, cents: int, kind: str = "adjustment", **about: str) -> Json:
        """What is held for invoices to come changes; less than 0 is in the customer's favour."""
        found = self.things["customer"][customer]
        found["balance"] = found.get("balance", 0) + cents
        move = self.add(
            "customer_balance_transaction",
            "cbtxn",
            customer=customer,
            amount=cents,
            type=kind,
            currency="usd",
            ending_balance=found["balance"],
            **{"invoice": None, "credit_note": None, **about},
        )
        self.tell("customer.updated", found)
        return move

    def delete_customer(self, customer: str) -> None:
        """The operator deletes it; its subscriptions end."""
        self.things["customer"][customer] = {"id": customer, "object": "customer", "deleted": True}
        for found in self.all("subscription", customer=customer):
            self.cancel_now(found["id"])
        self.tell("customer.deleted", {"id": customer, "object": "customer"})

    def cancel_in_portal(self, subscription: str) -> None:
        """With the end of the period, which the Portal writes down as a date."""
        found = self.things["subscription"][subscription]
        found["cancel_at"] = self._end(found)
        self.tell("customer.subscription.updated", found)

    def end_trial(self, subscription: Json) -> None:
        """What was for nothing until now is charged."""
        self._set_status(subscription, "active")
        self._bill(subscription, self._plan_lines(subscription))

    def cancel_now(self, subscription: str) -> None:
        """In the Portal, or by the operator."""
        found = self.things["subscription"][subscription]
        found["status"], found["ended_at"] = "canceled", self.now
        self.tell("customer.subscription.deleted", found)

    def pass_time(self) -> None:
        """Renew what is due, and give up what stays unpaid."""
        for subscription in reversed(self.all("subscription")):
            pending = subscription["pending_update"]
            if pending is not None and min(pending["expires_at"], self._end(subscription)) <= self.now:
                self._drop_pending(subscription)
            while subscription["status"] in {"trialing", "active", "past_due"} and self._end(subscription) <= self.now:
                self._renew(subscription)
            if subscription["status"] == "past_due":
                unpaid = self.all("invoice", customer=subscription["customer"], status="open")
                if unpaid and self.now - unpaid[-1]["created"] >= RETRIES_DAYS * 86_400:
                    self._set_status(subscription, "unpaid")

    # How subscriptions and invoices come about.

    def difference(self, subscription: Json, price: Json, at: int) -> int:
        """What another plan costs more for the rest of the period."""
        item = subscription["items"]["data"][0]
        old, start, end = item["price"], item["current_period_start"], item["current_period_end"]
        return (price["unit_amount"] - old["unit_amount"]) * max(0, end - at) // (end - start)

    def change(self, subscription: Json, price: Json, at: int, *, waits: bool = False) -> None:
        """To another plan now, with the difference as of a moment; one that waits holds when that is paid."""
        self._drop_pending(subscription)
        item, difference = subscription["items"]["data"][0], self.difference(subscription, price, at)
        refused = waits and difference > 0 and subscription["customer"] in self.bad_cards
        if refused:
            items = [{"id": item["id"], "price": price["id"]}]
            subscription["pending_update"] = {
                "expires_at": self.now + PENDING_HOURS * 3600,
                "subscription_items": items,
            }
        else:
            item["price"] = price
        self._bill(subscription, [(None, difference, "Proration")])
        self.tell("customer.subscription.updated", subscription)

    def metered(self, customer: str) -> int:
        """Cents that were reported so far."""
        return sum(value for owner, value in self.meter_events.values() if owner == customer)

    def subscribe(self, customer: str, prices: list[Json], about: Mapping[str, str] | None = None) -> Json:
        """A new subscription, whatever there is already."""
        start, end = self.now, month_later(self.now)
        items = [
            self.add(
                "subscription_item",
                "si",
                price=price,
                current_period_start=start,
                current_period_end=end,
                **({} if price["recurring"]["usage_type"] == "metered" else {"quantity": 1}),
            )
            for price in prices
        ]
        subscription = self.add(
            "subscription",
            "sub",
            customer=customer,
            status="active",
            metadata=dict(about or {}),
            items={"object": "list", "data": items, "has_more": False, "url": ""},
            cancel_at=None,
            cancel_at_period_end=False,
            ended_at=None,
            schedule=None,
            discounts=[],
            latest_invoice=None,
            pending_update=None,
        )
        self.tell("customer.subscription.created", subscription)
        self._bill(subscription, self._plan_lines(subscription))
        return subscription

    def renewal_lines(self, subscription: Json, price: Json) -> list[Json]:
        """What would stand on the next invoice, with half of it off where there is any discount, and what was used."""
        used = self.metered(subscription["customer"]) - self.billed.get(subscription["customer"], 0)
        plan = self._line(price["id"], price["unit_amount"], "Plan")
        usage = self._line(subscription["items"]["data"][1]["price"]["id"], used, "Usage")
        off = [{"amount": price["unit_amount"] // 2, "discount": one} for one in subscription["discounts"]]
        return [{**plan, "discount_amounts": off, "taxes": []}, {**usage, "discount_amounts": [], "taxes": []}]

    def _plan_lines(self, subscription: Json) -> list[tuple[str | None, int, str]]:
        price = subscription["items"]["data"][0]["price"]
        return [(price["id"], price["unit_amount"], "Plan")]

    def _renew(self, subscription: Json) -> None:
        items = subscription["items"]["data"]
        used = self.metered(subscription["customer"]) - self.billed.get(subscription["customer"], 0)
        self.billed[subscription["customer"]] = self.billed.get(subscription["customer"], 0) + used
        lines = [(items[1]["price"]["id"], used, "Usage")] if used else []
        ends = subscription["cancel_at"]
        if subscription["cancel_at_period_end"] or (ends is not None and ends <= self._end(subscription)):
            self._bill(subscription, lines)
            subscription["ended_at"] = self._end(subscription)
            self._set_status(subscription, "canceled", "customer.subscription.deleted")
            return
        schedule = self.get("subscription_schedule", subscription["schedule"] or "")
        if schedule is not None:
            phase: Json = schedule["phases"][1]
            items[0]["price"] = self.things["price"][phase["items"][0]["price"]]
            subscription["discounts"] = [str(one["discount"]) for one in phase.get("discounts", [])]
            subscription["schedule"] = None
        for item in items:
            item["current_period_start"] = item["current_period_end"]
            item["current_period_end"] = month_later(item["current_period_end"])
        if subscription["status"] == "trialing":
            self._set_status(subscription, "active")
        self._bill(subscription, self._plan_lines(subscription) + lines)
        self.tell("customer.subscription.updated", subscription)

    def _bill(self, subscription: Json, lines: list[tuple[str | None, int, str]]) -> None:
        total = sum(amount for _, amount, _ in lines)
        if not lines:
            return
        item = subscription["items"]["data"][0]
        entries = [self._line(*line) for line in lines]
        invoice = self.add(
            "invoice",
            "in",
            number=f"ACME-{self.made:04d}",
            customer=subscription["customer"],
            status="open",
            currency="usd",
            total=total,
            amount_paid=0,
            amount_paid_off_stripe=0,
            total_taxes=[],
            period_start=item["current_period_start"],
            period_end=item["current_period_end"],
            hosted_invoice_url=f"https://invoice.test/{self.made:06d}",
            invoice_pdf="https://invoice.test/i.pdf",
            lines={"object": "list", "data": entries, "has_more": False, "url": ""},
            parent={
                "type": "subscription_details",
                "subscription_details": {"subscription": subscription["id"], "metadata": subscription["metadata"]},
            },
        )
        subscription["latest_invoice"] = invoice["id"]
        self._apply_balance(invoice)
        self.tell("invoice.finalized", invoice)
        if invoice["amount_due"] and subscription["customer"] in self.bad_cards:
            self.tell("invoice.payment_failed", invoice)
            if subscription["status"] == "active" and subscription["pending_update"] is None:
                self._set_status(subscription, "past_due")
        else:
            self._settle(invoice)

    def _apply_balance(self, invoice: Json) -> None:
        """What is held goes off what is due, or comes on top of it; less than can be charged is held."""
        customer, total = invoice["customer"], invoice["total"]
        start: int = self.things["customer"][customer].get("balance", 0)
        due = max(0, total + start)
        small = 0 < due < LEAST_CHARGE
        due = 0 if small else due
        invoice.update(amount_due=due, amount_remaining=due, starting_balance=start, ending_balance=start + total - due)
        if total != due:
            kind = "invoice_too_small" if small else "applied_to_invoice"
            self.move_balance(customer, total - due, kind, invoice=invoice["id"])

    def _line(self, price: str | None, amount: int, description: str) -> Json:
        pricing = {"type": "price_details", "price_details": {"price": price or "price_other", "product": "prod_1"}}
        return self.add("line_item", "il", amount=amount, description=description, currency="usd", pricing=pricing)

    def _settle(self, invoice: Json) -> None:
        if due := invoice["amount_remaining"]:
            payment = self.pay(invoice["customer"], due, {})
            by = {"type": "payment_intent", "payment_intent": payment["id"]}
            self.add("invoice_payment", "inpay", invoice=invoice["id"], payment=by, status="paid", amount_paid=due)
        invoice.update(status="paid", amount_paid=invoice["amount_paid"] + due, amount_remaining=0)
        self.tell("invoice.paid", invoice)
        mine = invoice["parent"]["subscription_details"]["subscription"]
        subscription = self.things["subscription"][mine]
        if subscription["pending_update"] is not None and subscription["latest_invoice"] == invoice["id"]:
            [changed] = subscription["pending_update"]["subscription_items"]
            subscription["items"]["data"][0]["price"] = self.things["price"][changed["price"]]
            subscription["pending_update"] = None
            self.tell("customer.subscription.updated", subscription)
        if subscription["status"] in {"past_due", "unpaid"}:
            self._set_status(subscription, "active")

    def _drop_pending(self, subscription: Json) -> None:
        """A change that waited is off, and its invoice void."""
        if subscription["pending_update"] is not None:
            subscription["pending_update"] = None
            self.void(subscription["latest_invoice"])
            self.tell("customer.subscription.updated", subscription)

    def pay(self, customer: str, cents: int, about: Mapping[str, str]) -> Json:
        """By card, for anything."""
        payment = self.add(
            "payment_intent",
            "pi",
            customer=customer,
            status="succeeded",
            amount=cents,
            amount_received=cents,
            currency="usd",
            metadata=dict(about),
        )
        self.add("charge", "ch", customer=customer, amount=cents, payment_intent=payment["id"], currency="usd")
        self.tell("payment_intent.succeeded", payment)
        return payment

    def _set_status(self, subscription: Json, status: str, kind: str = "customer.subscription.updated") -> None:
        subscription["status"] = status
        self.tell(kind, subscription)

    def _end(self, subscription: Json) -> int:
        end: int = subscription["items"]["data"][0]["current_period_end"]
        return end
