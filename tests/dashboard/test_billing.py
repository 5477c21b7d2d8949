"""What people see who pay: what a change costs before they press, the way to pay what is owed, and figures that come by themselves."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from tests.dashboard.browser import Person, person
from tests.dashboard.checkout import Checkout
from tests.e2e.gateway import Gateway

MONTH = 31 * 86_400
PRICES = {"Starter": "$29.00", "Enterprise": "$299.00"}


@pytest.fixture(scope="module")
def grace(browser: Browser, gateway: Gateway, checkout: Checkout) -> Iterator[Person]:
    """Who subscribes to Starter."""
    with person(browser, gateway) as somebody:
        somebody.sign_up("hopper@example.com", "Compilers")
        _subscribe(somebody, "Starter", gateway, checkout)
        yield somebody


@pytest.fixture(scope="module")
def joan(browser: Browser, gateway: Gateway, checkout: Checkout) -> Iterator[Person]:
    """Who subscribes to Enterprise."""
    with person(browser, gateway) as somebody:
        somebody.sign_up("clarke@example.com", "Enigma")
        _subscribe(somebody, "Enterprise", gateway, checkout)
        yield somebody


def _subscribe(somebody: Person, plan: str, gateway: Gateway, checkout: Checkout) -> None:
    """From Free, until the page says so."""
    checkout.open_for(somebody.page, gateway)
    somebody.open_place("Billing")
    somebody.sees("Free ends where what it includes ends")
    _choose(somebody, plan)
    somebody.click("Go to payment")
    somebody.page.get_by_role("link", name="Pay").click()
    somebody.page.get_by_role("link", name="Back to the shop").click()
    somebody.sees(f"for {PRICES[plan]}, unless you end it before")


def _choose(somebody: Person, plan: str) -> None:
    somebody.click("Change plan")
    somebody.page.get_by_role("button", name=re.compile(f"^{plan}")).click()


def _agree(somebody: Person, act: str, gateway: Gateway, checkout: Checkout) -> None:
    """Press it, and Stripe tells."""
    with somebody.page.expect_response("**/billing/checkout"):
        somebody.click(act)
    checkout.tell(gateway)


def test_nothing_is_charged_that_was_not_shown(grace: Person, gateway: Gateway, checkout: Checkout) -> None:
    checkout.stripe.down = True
    _choose(grace, "Professional")
    expect(grace.page.get_by_role("button", name="Go on")).to_be_disabled()
    expect(grace.page.get_by_role("alert")).to_contain_text("Stripe does not answer")
    expect(grace.page.get_by_role("button", name="Go on")).to_be_disabled()
    grace.expects_refusal(503)
    checkout.stripe.down = False
    grace.page.get_by_role("button", name=re.compile("^Enterprise")).click()
    grace.sees("for the rest of this period, and $299.00 on")
    pay = grace.page.get_by_role("button", name=re.compile(r"^Pay \$2\d\d\.\d\d now$"))
    amount = re.findall(r"[\d.]+", pay.inner_text())[0]
    _agree(grace, pay.inner_text(), gateway, checkout)
    grace.sees("for $299.00, unless you end it before")
    expect(grace.page.get_by_role("row").filter(has_text=f"${amount}")).to_contain_text("paid")


@pytest.mark.parametrize("other", ["Free", "Starter"])
def test_what_was_planned_is_taken_back(joan: Person, gateway: Gateway, checkout: Checkout, other: str) -> None:
    joan.open_place("Billing")
    _choose(joan, other)
    _agree(joan, f"Change to {other}", gateway, checkout)
    joan.sees(f"It becomes {other} then")
    joan.click("Change plan")
    coming = joan.page.get_by_role("dialog").get_by_role("button", name=re.compile(f"^{other}"))
    expect(coming).to_contain_text("from ")
    expect(coming).to_be_disabled()
    joan.page.get_by_role("dialog").get_by_role("button", name=re.compile("^Enterprise")).click()
    joan.sees("Enterprise goes on: nothing is charged now")
    joan.page.keyboard.press("Escape")
    _agree(joan, "Keep Enterprise", gateway, checkout)
    joan.sees("for $299.00, unless you end it before")
    expect(joan.page.get_by_role("button", name="Keep Enterprise")).to_have_count(0)


def test_what_is_owed_can_be_paid_from_where_it_is_said(joan: Person, gateway: Gateway, checkout: Checkout) -> None:
    account = checkout.stripe.account
    (subscription,) = [one for one in account.all("subscription") if one["customer"] == _customer(checkout)]
    account.bad_cards.add(subscription["customer"])
    for item in subscription["items"]["data"]:
        item["current_period_start"] -= MONTH
        item["current_period_end"] -= MONTH
    account.pass_time()
    checkout.tell(gateway)
    joan.comes_to_see("/o/enigma", "The last payment for Enigma failed.")
    joan.page.get_by_role("link", name="Pay, or change the card").click()
    joan.sees("The last payment failed: $299.00 is not paid. The plan goes on until")
    (owed,) = account.all("invoice", customer=subscription["customer"], status="open")
    page = owed["hosted_invoice_url"]
    expect(joan.page.get_by_role("link", name="Pay", exact=True)).to_have_attribute("href", page)
    row = joan.page.get_by_role("row").filter(has_text="open")
    expect(row.get_by_role("link", name=f"Pay {owed['number']}")).to_have_attribute("href", page)
    _choose(joan, "Enterprise")
    expect(joan.page.get_by_role("button", name="Pay $299.00")).to_be_enabled()
    joan.page.keyboard.press("Escape")
    account.pay_open_invoices(subscription["customer"])
    checkout.tell(gateway)
    joan.comes_to_see("/o/enigma/billing", "for $299.00, unless you end it before")
    expect(joan.page.get_by_text("The last payment")).to_have_count(0)


def _customer(checkout: Checkout) -> str:
    (found,) = [one["id"] for one in checkout.stripe.account.all("customer") if one.get("name") == "Enigma"]
    return str(found)


def test_a_refused_card_says_so_before_the_invoice(browser: Browser, gateway: Gateway, checkout: Checkout) -> None:
    with person(browser, gateway) as ada:
        ada.sign_up("babbage@example.com", "Engines")
        _subscribe(ada, "Starter", gateway, checkout)
        ada.sees("You are on Starter")
        account = checkout.stripe.account
        account.bad_cards.add(account.all("customer", name="Engines")[0]["id"])
        _choose(ada, "Professional")
        ada.page.get_by_role("button", name=re.compile(r"^Pay \$\d+\.\d\d now$")).click()
        ada.sees("The payment failed, so the plan is as it was.")
        expect(ada.page.get_by_role("link", name="Pay the invoice")).to_have_attribute(
            "href", re.compile("^https://invoice.test/")
        )


def test_credit_is_typed_as_people_do_and_a_failed_look_takes_nothing_away(
    browser: Browser, gateway: Gateway, checkout: Checkout
) -> None:
    with person(browser, gateway) as mary:
        mary.sign_up("mary@example.com", "Orbits")
        checkout.open_for(mary.page, gateway)
        mary.open_place("Billing")
        mary.page.get_by_label("Add credit in dollars").fill("$1,234.56")
        mary.click("Top up")
        mary.page.get_by_role("heading", name="Pay 1234.56 dollars").wait_for()
        mary.page.get_by_role("link", name="Pay").click()
        mary.page.get_by_role("link", name="Back to the shop").click()
        expect(mary.page.get_by_text("Credit, paid in advance").locator("..")).to_contain_text("$1,234.56")
        mary.sees("The payment is made.")
        assert mary.page.url.endswith("/o/orbits/billing")
        mary.page.route("**/api/v1/orgs/orbits/billing", _too_many)
        mary.page.get_by_label("Add credit in dollars").fill("77")
        mary.sees("These figures may be a little old: Too many")
        expect(mary.page.get_by_label("Add credit in dollars")).to_have_value("77")
        mary.page.unroute("**/api/v1/orgs/orbits/billing")
        expect(mary.page.get_by_text("These figures may be a little old")).to_have_count(0)
        mary.expects_refusal(429)
        mary.page.reload()
        mary.sees("You are on Free")
        expect(mary.page.get_by_text("The payment is made")).to_have_count(0)


def _too_many(route: Route) -> None:
    route.fulfill(status=429, json={"error": {"code": "rate_limit_exceeded", "message": "Too many looks."}})


def test_an_operator_types_credit_as_people_do(owner: Person, grace: Person) -> None:
    owner.go("/admin")
    owner.page.get_by_role("row").filter(has_text="Compilers").first.click()
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("In dollars").fill("$1,000")
    dialog.get_by_label("Reference").fill("transfer 1")
    dialog.get_by_label("What its statement says").fill("Paid by transfer")
    owner.click("Give credit")
    expect(dialog.get_by_text("Credit", exact=True).first.locator("..")).to_contain_text("$1,000.00")
    grace.go("/o/compilers/billing")
    expect(grace.page.get_by_text("Credit, paid in advance").locator("..")).to_contain_text("$1,000.00")
