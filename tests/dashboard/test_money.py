"""What people do about money: buy a plan and give it back, set budgets and be told."""

import re

from playwright.sync_api import Browser, expect

from tests.dashboard.asking import ask, shown_key
from tests.dashboard.browser import PASSWORD, Person, kept, person
from tests.dashboard.checkout import Checkout
from tests.e2e.gateway import Gateway


def test_a_plan_is_bought_at_a_checkout_and_given_back(browser: Browser, gateway: Gateway, checkout: Checkout) -> None:
    with person(browser, gateway) as kay:
        kay.sign_up("kay@example.com", "Object Works")
        checkout.open_for(kay.page, gateway)
        kay.open_place("Billing")
        kay.sees("You are on Free")
        kay.click("Change plan")
        kay.page.get_by_role("button", name=re.compile("^Starter")).click()
        kay.sees("Nothing that you use would be lost")
        kay.sees("You pay $29.00 on the next page, and the same every month from then on")
        kay.click("Go to payment")
        kay.page.get_by_role("heading", name="Pay 29.00 dollars").wait_for()
        kay.page.get_by_role("link", name="Pay").click()
        kay.page.get_by_role("link", name="Back to the shop").click()
        kay.sees("The payment is made")
        kay.sees("You are on Starter")
        expect(kay.page.get_by_role("row").filter(has_text="paid")).to_contain_text("$29.00")

        kay.click("Change plan")
        kay.page.get_by_role("button", name=re.compile("^Free")).click()
        kay.click("Change to Free")
        kay.sees("The plan changes on")
        checkout.tell(gateway)
        kay.sees("It becomes Free then")


def test_credit_is_bought_in_advance_and_not_lost_without_a_word(
    browser: Browser, gateway: Gateway, checkout: Checkout
) -> None:
    with person(browser, gateway) as alan:
        alan.sign_up("alan@example.com", "Bombe")
        checkout.open_for(alan.page, gateway)
        alan.open_place("Billing")
        alan.page.get_by_label("Add credit in dollars").fill("25")
        alan.click("Top up")
        alan.page.get_by_role("link", name="Pay").click()
        alan.page.get_by_role("link", name="Back to the shop").click()
        expect(alan.page.get_by_text("Credit, paid in advance").locator("..")).to_contain_text("$25.00")

        alan.open_place("Settings")
        alan.click("Delete organisation")
        alan.sees("$25.00 of prepaid credit is left and is lost with the organisation")
        alan.page.get_by_label("Type bombe to confirm").fill("bombe")
        alan.click("Delete it and $25.00 of credit")
        alan.click("Restore")
        alan.sees("The organisation is restored")


def test_an_operator_assigns_a_plan_and_gives_credit_and_takes_it_back(
    owner: Person, browser: Browser, gateway: Gateway
) -> None:
    with person(browser, gateway) as grace:
        grace.sign_up("grace@example.com", "Flow Matic")
    owner.go("/admin")
    owner.page.get_by_role("row").filter(has_text="Flow Matic").click()
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("Plan").select_option("professional")
    owner.click("Assign plan")
    owner.sees("Professional 1 (1 not paid for)")
    expect(dialog.get_by_role("button", name="Assign plan")).to_be_disabled()
    for act, way, stands in (("Give credit", "give", "$10.00"), ("Take credit back", "take", "$0")):
        dialog.get_by_label("Credit", exact=True).select_option(way)
        dialog.get_by_label("In dollars").fill("10")
        dialog.get_by_label("Reference").fill(act)
        dialog.get_by_label("What its statement says").fill("a present")
        owner.click(act)
        expect(dialog.get_by_text("Credit", exact=True).first.locator("..")).to_contain_text(stands)
    kept(owner.page, "operator")


def test_a_budget_is_set_what_is_beyond_it_is_refused_and_its_owner_is_told(owner: Person, gateway: Gateway) -> None:
    owner.open_place("Budgets")
    owner.page.get_by_label("A month").fill("not money")
    owner.click("Save budgets")
    expect(owner.page.get_by_role("alert")).to_have_text("An amount in dollars, please, such as 12.50.")
    owner.expects_refusal(400)
    owner.click("New project")
    owner.page.get_by_label("Name").fill("small")
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("A month").fill("0.04")
    owner.click("Make project")
    expect(owner.page.get_by_role("row").filter(has_text="small")).to_contain_text("$0.04")
    owner.open_place("Keys")
    owner.click("New key")
    owner.page.get_by_label("Name").fill("small key")
    owner.page.get_by_label("Project").select_option(label="small")
    owner.click("Make key")
    key = shown_key(owner)
    owner.click("I have kept it")
    answers = [ask(gateway, key, "priced", f"too dear {number}") for number in range(3)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 402
    assert answers[-1].json()["error"]["code"] == "budget_exceeded"
    owner.open_place("Requests")
    owner.page.get_by_role("row").filter(has_text="budget_exceeded").first.click()
    owner.sees(f"The caller was told: {answers[-1].json()['error']['message']}")
    owner.open_place("Budgets")
    meter = owner.page.get_by_role("meter", name="small: part of the budget that is spent")
    owner.until(lambda: int(meter.get_attribute("aria-valuenow") or 0) >= 50)
    row = owner.page.get_by_role("row").filter(has_text="small")
    row.get_by_role("button", name="Delete").click()
    owner.sees("1 key would lose this project's budgets and limits: small key")
    owner.click("Delete project")
    expect(owner.page.get_by_role("alert")).to_contain_text("This project holds 1 key")
    owner.expects_refusal(409)
    owner.page.keyboard.press("Escape")
    letter = owner.letter("owner@localhost", "of the budget of")
    assert "small" in letter
    owner.page.get_by_role("link", name="Budgets of keys").click()
    expect(owner.page.get_by_role("row").filter(has_text="small key")).to_contain_text("small")
    assert PASSWORD not in letter
