"""Stripe over HTTP, small and stateful: it checks requests against the package's types and signs its webhooks."""

import hashlib
import hmac
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from llmgateway.kit.clock import Clock
from tests.fakes.stripe.account import Account, Json
from tests.fakes.stripe.forms import SHAPES, Form, Wrong, check, decode

_PENDING = {"expand", "items", "payment_behavior", "proration_behavior", "proration_date"}
"""Of what pending updates may change, and how, as far as it is asked of the fake."""
_FAILED: Json = {}
KEY = "sk_test_fake"
SECRET = "whsec_fake"


@dataclass
class FakeStripe:
    """A running server. Tests do what customers do with `account`, and deliver its events in any order."""

    account: Account
    url: str = ""
    down: bool = False
    """Answers 503 to everything."""
    lose_answers: int = 0
    """So many writes are done, and their answers lost."""
    fail_writes: int = 0
    """So many writes fail, and whoever repeats one under its key gets the failure again."""
    page: int = 100
    """The most that a list gives at once."""
    answers: dict[str, tuple[str, Json]] = field(default_factory=dict[str, tuple[str, Json]])
    """Idempotency key -> the request and its answer."""
    writes: list[str] = field(default_factory=list[str])

    def signed(
        self, event: Json, *, at: int | None = None, body: bytes | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """A webhook as Stripe sends it, or another body."""
        text = json.dumps(event) if body is None else body.decode()
        stamp = self.account.now if at is None else at
        mac = hmac.new(SECRET.encode(), f"{stamp}.{text}".encode(), hashlib.sha256).hexdigest()
        return text.encode(), {"stripe-signature": f"t={stamp},v1={mac}", "content-type": "application/json"}


@asynccontextmanager
async def fake_stripe(clock: Clock) -> AsyncGenerator[FakeStripe]:
    """On a free port of this machine."""
    fake = FakeStripe(Account(clock))
    app = web.Application()
    app.router.add_route("*", "/v1/{path:.*}", _Answering(fake).answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield fake
    finally:
        await runner.cleanup()


class _Answering:
    """From requests to the account and back."""

    def __init__(self, fake: FakeStripe) -> None:
        self._fake = fake
        self._account = fake.account
        self._ways: Mapping[tuple[str, str], Callable[[Form, str], Json]] = {
            ("POST", "customers"): self._customer,
            ("GET", "customers/{id}"): lambda _, identifier: self._get("customer", identifier),
            ("POST", "customers/{id}"): self._change_customer,
            ("GET", "customers/{id}/balance_transactions"): self._balance,
            ("POST", "prices"): self._price,
            ("GET", "prices"): self._prices,
            ("POST", "billing/meters"): lambda form, _: self._account.add("billing.meter", "mtr", **form),
            ("POST", "billing/meter_events"): self._meter_event,
            ("POST", "checkout/sessions"): self._checkout,
            ("GET", "checkout/sessions"): self._checkouts,
            ("POST", "checkout/sessions/{id}/expire"): self._expire,
            ("POST", "billing_portal/sessions"): self._portal,
            ("GET", "subscriptions"): self._subscriptions,
            ("GET", "subscriptions/{id}"): lambda _, identifier: self._get("subscription", identifier),
            ("POST", "subscriptions/{id}"): self._change_subscription,
            ("DELETE", "subscriptions/{id}"): self._cancel,
            ("POST", "subscription_schedules"): self._schedule,
            ("POST", "subscription_schedules/{id}"): self._change_schedule,
            ("POST", "subscription_schedules/{id}/release"): self._release,
            ("GET", "invoices"): self._invoices,
            ("POST", "invoices/create_preview"): self._preview,
            ("GET", "invoices/{id}"): lambda _, identifier: self._get("invoice", identifier),
            ("GET", "invoices/{id}/lines"): lambda form, identifier: _paged(
                self._get("invoice", identifier)["lines"]["data"], form
            ),
            ("GET", "invoice_payments"): lambda form, _: _list(
                self._account.all("invoice_payment", payment=dict(form["payment"]))
            ),
            ("GET", "credit_notes"): lambda form, _: _paged(
                self._account.all("credit_note", invoice=form["invoice"]), form
            ),
            ("GET", "credit_notes/{id}"): lambda _, identifier: self._get("credit_note", identifier),
            ("GET", "payment_intents/{id}"): lambda _, identifier: self._get("payment_intent", identifier),
            ("GET", "refunds"): lambda form, _: _paged(self._account.all("refund", charge=form["charge"]), form),
            ("GET", "refunds/{id}"): lambda _, identifier: self._get("refund", identifier),
            ("GET", "disputes/{id}"): lambda _, identifier: self._get("dispute", identifier),
            ("GET", "events"): self._events,
        }

    async def answer(self, request: web.Request) -> web.Response:
        if self._fake.down:
            return _error(503, "api_error", "Stripe is down.")
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_request_error", "Invalid API Key provided.")
        return await self._served(request)

    async def _served(self, request: web.Request) -> web.Response:
        text = await request.text() if request.method == "POST" else request.query_string
        way, identifier = _way(request.method, request.match_info["path"])
        if way not in self._ways:
            return _error(404, "invalid_request_error", f"Unrecognized request URL ({way}).")
        try:
            form = decode(text)
            check(SHAPES[way], form)
            if request.method == "GET":
                form["limit"] = str(min(int(form.get("limit", 10)), self._fake.page))
            repeated = request.headers.get("idempotency-key") in self._fake.answers
            made = self._once(request, f"{way} {text}", lambda: self._ways[way](form, identifier))
        except Wrong as error:
            return _error(404 if error.param == "id" else 400, "invalid_request_error", str(error), error.param)
        except _ReusedKey:
            return _error(
                400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters."
            )
        if made is _FAILED:
            headers = {"stripe-should-retry": "false", **({"idempotent-replayed": "true"} if repeated else {})}
            return _error(500, "api_error", "An error of Stripe's own.", headers=headers)
        if request.method == "POST" and self._fake.lose_answers:
            self._fake.lose_answers -= 1
            return _error(503, "api_error", "The answer was lost.")
        if made.get("object") == "list":  # https://docs.stripe.com/api/pagination: the next page is asked for there
            made = {**made, "url": request.path}
        return web.json_response(made)

    def _once(self, request: web.Request, asked: str, do: Callable[[], Json]) -> Json:
        key = request.headers.get("idempotency-key")
        if request.method != "POST" or key is None:
            return do()
        if key in self._fake.answers:
            before, made = self._fake.answers[key]
            if before != asked:
                raise _ReusedKey
            return made
        made = _FAILED if self._fake.fail_writes else do()
        self._fake.fail_writes -= made is _FAILED
        self._fake.answers[key] = (asked, made)
        self._fake.writes.append(asked)
        return made

    def _get(self, kind: str, identifier: str) -> Json:
        found = self._account.get(kind, identifier)
        if found is None:
            raise Wrong(f"No such {kind}: '{identifier}'", "id")
        return found

    def _customer(self, form: Form, _: str) -> Json:
        return self._account.add("customer", "cus", **form)

    def _change_customer(self, form: Form, identifier: str) -> Json:
        found = self._get("customer", identifier)
        if found.get("deleted"):
            raise Wrong(f"No such customer: '{identifier}'", "id")
        if "." not in form.get("email", "a@b.test").partition("@")[2]:
            raise Wrong(f"Invalid email address: {form['email']}", "email")
        found.update(form)
        self._account.tell("customer.updated", found)
        return found

    def _balance(self, form: Form, identifier: str) -> Json:
        if self._get("customer", identifier).get("deleted"):
            raise Wrong(f"No such customer: '{identifier}'", "id")
        return _paged(self._account.all("customer_balance_transaction", customer=identifier), form)

    def _of_customer(self, form: Form) -> str:
        """Raises Wrong for one that is not there, or was deleted."""
        if (found := self._account.get("customer", form["customer"])) is None or found.get("deleted"):
            raise Wrong(f"No such customer: '{form['customer']}'", "customer")
        return str(form["customer"])

    def _price(self, form: Form, _: str) -> Json:
        key = form.get("lookup_key")
        for other in self._account.all("price", lookup_key=key):
            if form.get("transfer_lookup_key") != "true":
                raise Wrong(f"A price already uses the lookup key {key}.", "lookup_key")
            other["lookup_key"] = None
        kept = {name: value for name, value in form.items() if name not in {"product_data", "transfer_lookup_key"}}
        kept["unit_amount"] = int(form["unit_amount"])
        kept["recurring"] = {"interval_count": 1, "usage_type": "licensed", **kept["recurring"]}
        return self._account.add("price", "price", **{"metadata": {}, "active": True, "product": "prod_1", **kept})

    def _prices(self, form: Form, _: str) -> Json:
        found = [price for price in self._account.all("price") if price["lookup_key"] in form["lookup_keys"]]
        return _list([price for price in found if price["active"] or form.get("active") != "true"])

    def _meter_event(self, form: Form, _: str) -> Json:
        identifier, payload = form["identifier"], form["payload"]
        if identifier in self._account.meter_events:
            raise Wrong(f"An event already exists with identifier {identifier}.", "identifier")
        self._get("customer", payload["stripe_customer_id"])
        self._account.meter_events[identifier] = (payload["stripe_customer_id"], int(payload["value"]))
        return {"object": "billing.meter_event", "livemode": False, "created": self._account.now, **form}

    def _checkout(self, form: Form, _: str) -> Json:
        self._of_customer(form)
        total = 0
        for line in form["line_items"]:
            amount = line["price_data"]["unit_amount"] if "price_data" in line else self._priced(line)
            total += int(amount) * int(line.get("quantity", 0))
        session = self._account.add("checkout.session", "cs", status="open", amount_total=total, **form)
        session["url"] = f"https://checkout.test/{session['id']}"
        return session

    def _expire(self, _: Form, identifier: str) -> Json:
        session = self._get("checkout.session", identifier)
        if session["status"] != "open":
            raise Wrong('Only Checkout Sessions with a status in ["open"] can be expired.', "session")
        session.update(status="expired")
        self._account.tell("checkout.session.expired", session)
        return session

    def _checkouts(self, form: Form, _: str) -> Json:
        wanted = {"status": form["status"]} if "status" in form else {}
        return _paged(self._account.all("checkout.session", customer=self._of_customer(form), **wanted), form)

    def _priced(self, line: Json) -> int:
        price = self._get("price", line["price"])
        metered = price["recurring"]["usage_type"] == "metered"
        if metered == ("quantity" in line):
            raise Wrong("A metered price takes no quantity, any other needs one.", "line_items[quantity]")
        return int(price["unit_amount"])

    def _portal(self, form: Form, _: str) -> Json:
        self._of_customer(form)
        return self._account.add("billing_portal.session", "bps", url="https://portal.test/p", **form)

    def _subscriptions(self, form: Form, _: str) -> Json:
        found = [self._whole(entry) for entry in self._account.all("subscription", customer=self._of_customer(form))]
        return _paged(found, form)

    def _whole(self, subscription: Json) -> Json:
        schedule = self._account.get("subscription_schedule", subscription["schedule"] or "")
        return {**subscription, "schedule": schedule}

    def _change_subscription(self, form: Form, identifier: str) -> Json:
        found = self._get("subscription", identifier)
        waits = form.get("payment_behavior") == "pending_if_incomplete"
        if waits and (other := set(form) - _PENDING):
            raise Wrong(f"With pending_if_incomplete these cannot be changed: {sorted(other)}.", "payment_behavior")
        if found["schedule"] is not None and {"cancel_at", "cancel_at_period_end"} & set(form):
            raise Wrong(
                f"The subscription is managed by the subscription schedule `{found['schedule']}`, and updating any "
                "cancelation behavior directly is not allowed. Please update the schedule instead.",
                "cancel_at_period_end",
            )
        if "cancel_at" in form:
            found["cancel_at"] = int(form["cancel_at"]) if form["cancel_at"] else None
        if "cancel_at_period_end" in form:
            found["cancel_at_period_end"] = form["cancel_at_period_end"] == "true"
        for item in form.get("items", []):
            if item["id"] != found["items"]["data"][0]["id"]:
                raise Wrong(f"No such subscription item: '{item['id']}'", "items[0][id]")
            self._account.change(found, self._get("price", item["price"]), self._date(form, found), waits=waits)
        self._account.tell("customer.subscription.updated", found)
        invoice = self._account.get("invoice", found["latest_invoice"]) if "expand" in form else found["latest_invoice"]
        return {**found, "latest_invoice": invoice}

    def _date(self, form: Form, subscription: Json) -> int:
        at = int(form.get("proration_date", self._account.now))
        item = subscription["items"]["data"][0]
        if not item["current_period_start"] <= at <= item["current_period_end"]:
            raise Wrong("`proration_date` must lie within the current period.", "proration_date")
        return at

    def _preview(self, form: Form, _: str) -> Json:
        """Of a change that is invoiced at once, or of the next renewal."""
        if "schedule" in form:
            schedule = self._get("subscription_schedule", form["schedule"])
            (found,) = self._account.all("subscription", schedule=schedule["id"])
            return self._renewal(found, schedule["phases"][1]["items"][0]["price"])
        found, details = self._get("subscription", form["subscription"]), form.get("subscription_details", {})
        if found["schedule"] is not None and details.get("proration_behavior") == "none":
            raise Wrong("What a schedule changes is not asked for by its subscription.", "subscription")
        price = details["items"][0]["price"] if details else found["items"]["data"][0]["price"]["id"]
        if details.get("proration_behavior") != "always_invoice":
            return self._renewal(found, price)
        due = self._account.difference(found, self._get("price", price), self._date(details, found))
        return {"object": "invoice", "currency": "usd", "total": due, "amount_due": due}

    def _renewal(self, subscription: Json, price: str) -> Json:
        lines = self._account.renewal_lines(subscription, self._get("price", price))
        return {"object": "invoice", "id": "upcoming_in_1", "currency": "usd", "lines": _list(lines)}

    def _cancel(self, _: Form, identifier: str) -> Json:
        if self._get("subscription", identifier)["status"] == "canceled":
            raise Wrong(f"No such subscription: '{identifier}'", "id")
        self._account.cancel_now(identifier)
        return self._get("subscription", identifier)

    def _schedule(self, form: Form, _: str) -> Json:
        found = self._get("subscription", form["from_subscription"])
        if found["schedule"] is not None:
            raise Wrong(
                "You cannot migrate a subscription that is already attached to a schedule.", "from_subscription"
            )
        schedule = self._account.add(
            "subscription_schedule", "sub_sched", customer=found["customer"], metadata={}, phases=[], status="active"
        )
        found["schedule"] = schedule["id"]
        return schedule

    def _change_schedule(self, form: Form, identifier: str) -> Json:
        schedule = self._get("subscription_schedule", identifier)
        for phase in form["phases"]:
            for line in phase["items"]:
                self._priced(line)
        schedule.update(form)
        for found in self._account.all("subscription", schedule=identifier):
            found["cancel_at"] = None
            if found["status"] == "trialing" and form["phases"][0].get("trial") != "true":
                self._account.end_trial(found)
        self._account.tell("subscription_schedule.updated", schedule)
        return schedule

    def _release(self, _: Form, identifier: str) -> Json:
        schedule = self._get("subscription_schedule", identifier)
        schedule["status"] = "released"
        for found in self._account.all("subscription", schedule=identifier):
            found.update(schedule=None, cancel_at=None)
            self._account.tell("customer.subscription.updated", found)
        return schedule

    def _invoices(self, form: Form, _: str) -> Json:
        if "subscription" not in form:
            return _paged(self._account.all("invoice", customer=self._of_customer(form)), form)
        of = self._get("subscription", form["subscription"])
        found = self._account.all("invoice", customer=of["customer"], status=form["status"])
        return _paged([one for one in found if _subscription_of(one) == of["id"]], form)

    def _events(self, form: Form, _: str) -> Json:
        since = int(form["created"]["gte"])
        found = [event for event in reversed(self._account.events) if event["created"] >= since]
        return _paged(found, form)


class _ReusedKey(Exception):
    """An idempotency key with other parameters."""


def _way(method: str, path: str) -> tuple[tuple[str, str], str]:
    """The way with {id} for the id in it, and the id."""
    parts = path.split("/")
    for place, part in enumerate(parts):
        if place and ("_0" in part or part.endswith("_missing")):
            return (method, "/".join([*parts[:place], "{id}", *parts[place + 1 :]])), part
    return (method, path), ""


def _subscription_of(invoice: Json) -> str:
    return str(invoice["parent"]["subscription_details"]["subscription"])


def _paged(found: list[Json], form: Form) -> Json:
    ids = [entry["id"] for entry in found]
    start = ids.index(form["starting_after"]) + 1 if "starting_after" in form else 0
    limit = int(form.get("limit", 10))
    return _list(found[start : start + limit], more=len(found) > start + limit)


def _list(found: list[Json], *, more: bool = False) -> Json:
    return {"object": "list", "data": found, "has_more": more, "url": ""}


def _error(
    status: int, kind: str, message: str, param: str | None = None, *, headers: Mapping[str, str] | None = None
) -> web.Response:
    error: dict[str, Any] = {"type": kind, "message": message, "param": param}
    if message.startswith("No such "):
        error["code"] = "resource_missing"
    elif message.startswith("Invalid email address"):
        error["code"] = "email_invalid"
    return web.json_response({"error": error}, status=status, headers=headers)
