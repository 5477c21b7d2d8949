"""What people come for, from its first page to its end."""

import re
import subprocess
import sys
from typing import Any, cast

from playwright.sync_api import Browser, Route, expect

from tests.dashboard.asking import ask, shown_key, until_stored
from tests.dashboard.browser import PASSWORD, Person, kept, person
from tests.e2e.gateway import Gateway


def _run(snippet: str) -> None:
    """What the page shows, as it stands."""
    done = subprocess.run([sys.executable, "-c", snippet], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_from_signing_up_to_the_first_request(browser: Browser, gateway: Gateway) -> None:
    with person(browser, gateway) as ada:
        ada.go("/")
        ada.page.get_by_role("link", name="Start free").click()
        ada.page.get_by_role("heading", name="Create an account").wait_for()
        ada.sign_up("ada@example.com", "Analytical Engines")
        ada.page.get_by_role("link", name="Send the first request").click()
        ada.click("Make a key")
        assert shown_key(ada).startswith("lgw_live_")
        ada.sees("Waiting for the first request")
        ada.page.get_by_role("radio", name="Python").click()
        _run(ada.page.get_by_label("the Python sample", exact=True).inner_text())
        ada.sees("It is here")
        ada.page.get_by_role("link", name="See its journey").click()
        ada.sees("Journey")
        ada.sees("sandbox/chat")
        expect(ada.page.get_by_text("200 finished")).to_be_visible()


def test_somebody_is_invited_and_sees_what_a_viewer_may(owner: Person, browser: Browser, gateway: Gateway) -> None:
    owner.open_place("Team")
    owner.click("Invite")
    owner.page.get_by_label("E-mail").fill("vera@example.com")
    owner.page.get_by_label("Role", exact=True).select_option("viewer")
    owner.click("Send invitation")
    owner.sees("A link is on its way to vera@example.com")
    owner.sees("waiting")
    link = owner.mailed("/invitation", "vera@example.com")
    with person(browser, gateway) as vera:
        vera.go(link)
        vera.page.get_by_role("link", name="Create an account").click()
        vera.page.get_by_label("E-mail").fill("vera@example.com")
        vera.page.get_by_label("Password").fill(PASSWORD)
        vera.click("Create account")
        vera.sees("Your account is made")
        vera.log_in("vera@example.com", PASSWORD)
        pages = vera.page.get_by_role("navigation", name="Pages")
        expect(pages.get_by_role("link", name="Keys")).to_be_visible()
        for hidden in ("Billing", "Audit", "Providers", "Playground"):
            expect(pages.get_by_role("link", name=hidden)).to_have_count(0)
        vera.open_place("Keys")
        vera.sees("Members, admins and owners can make them")
        expect(vera.page.get_by_role("button", name="New key")).to_have_count(0)
        vera.go("/o/default/audit")
        vera.page.get_by_role("heading", name="Audit").wait_for()
        vera.sees("Owners and admins may read what was done here")
        expect(vera.page.get_by_role("button", name="CSV")).to_have_count(0)
        vera.go("/o/default/billing")
        vera.sees("Owners and admins see what this organisation pays, and can change it. Ask one of them.")
    owner.page.reload()
    owner.sees("accepted")


def test_a_key_is_made_used_changed_rotated_and_revoked(owner: Person, gateway: Gateway) -> None:
    owner.open_place("Keys")
    owner.click("New key")
    owner.page.get_by_label("Name").fill("search service")
    owner.page.get_by_label("Requests a minute").fill("2")
    owner.click("Make key")
    first = shown_key(owner)
    owner.page.keyboard.press("Escape")
    assert shown_key(owner) == first, "a secret shown once goes away only when it is kept"
    owner.click("I have kept it")
    row = owner.page.get_by_role("row").filter(has_text="search service")
    expect(row).to_contain_text("2/min")
    assert [ask(gateway, first, text=str(number)).status_code for number in range(3)] == [200, 200, 429]

    owner.page.get_by_role("button", name="Acts on search service").click()
    owner.page.get_by_role("menuitem", name="Edit").click()
    owner.page.get_by_label("Requests a minute").fill("none at all")
    owner.click("Save")
    expect(owner.page.get_by_role("alert")).to_have_text("A whole number, please.")
    owner.expects_refusal(400)
    owner.page.get_by_label("Requests a minute").fill("50")
    owner.click("Save")
    expect(row).to_contain_text("50/min")

    owner.page.get_by_role("button", name="Acts on search service").click()
    owner.page.get_by_role("menuitem", name="Rotate secret").click()
    owner.page.get_by_label("The old secret").select_option("3600")
    owner.click("Rotate")
    second = shown_key(owner)
    owner.click("I have kept it")
    expect(row).to_contain_text("two secrets live")
    assert first != second
    assert [ask(gateway, key, text="both").status_code for key in (first, second)] == [200, 200]

    owner.page.get_by_role("button", name="Acts on search service").click()
    owner.page.get_by_role("menuitem", name="Revoke key").click()
    expect(owner.page.get_by_role("button", name="Revoke key")).to_be_disabled()
    owner.page.get_by_label("Type search service to confirm").fill("search service")
    owner.click("Revoke key")
    expect(row).to_contain_text("revoked")
    assert ask(gateway, second).status_code == 401


def test_an_alias_is_edited_and_its_failover_is_seen_on_the_requests_page(owner: Person, gateway: Gateway) -> None:
    owner.open_place("Routes")
    owner.click("New alias")
    owner.page.get_by_label("Alias", exact=True).fill("steady")
    owner.page.get_by_label("Target 1", exact=True).fill("openai/gpt-4.1")
    owner.click("Save alias")
    owner.sees("steady is saved")
    expect(owner.page.get_by_role("row").filter(has_text="priced")).to_contain_text("gateway.yaml")
    owner.click("New alias")
    owner.page.get_by_label("Alias", exact=True).fill("priced")
    owner.sees("It will stand before the alias of this name in gateway.yaml")
    owner.page.get_by_label("Alias", exact=True).fill("steady")
    expect(owner.page.get_by_role("button", name="Save alias")).to_be_disabled()
    owner.click("Edit steady instead")
    owner.click("Add a target")
    owner.page.get_by_label("Target 2", exact=True).fill("sandbox/chat")
    owner.click("Save alias")
    expect(owner.page.get_by_role("row").filter(has_text="steady")).to_contain_text("sandbox/chat")
    owner.page.get_by_label("Model", exact=True).fill("steady")
    owner.click("Explain")
    owner.sees("prompt tokens")

    answered = ask(gateway, gateway.key, "steady", "does it hold?")
    assert answered.status_code == 200
    until_stored(gateway, answered.headers["x-request-id"])
    owner.page.keyboard.press("Control+k")
    owner.page.get_by_role("combobox", name="A page, a key").fill(answered.headers["x-request-id"])
    owner.page.keyboard.press("Enter")
    owner.sees("Attempt 1")
    owner.sees("served by sandbox/chat")
    expect(owner.page.get_by_text("openai/gpt-4.1").first).to_be_visible()
    assert "failed" not in owner.page.get_by_role("heading", level=1).inner_text()
    owner.open_place("Routes")
    health = (
        owner.page.get_by_role("table", name="Provider health").get_by_role("row").filter(has_text="openai/gpt-4.1")
    )
    expect(health).to_contain_text(re.compile("well|cooled|being tried again"))


def test_a_price_is_given_where_the_organisation_pays_itself(owner: Person) -> None:
    owner.open_place("Routes")
    owner.click("New alias")
    owner.page.get_by_label("Alias", exact=True).fill("tuned")
    owner.page.get_by_label("Target 1", exact=True).fill("openai/ft:our-own")
    owner.click("Price of target 1")
    owner.page.get_by_label("Input price of target 1").fill("2.50")
    owner.page.get_by_label("Output price of target 1").fill("10")
    kept(owner.page, "route-price")
    owner.click("Save alias")
    owner.sees("Add the credential first, or leave the price out.")
    owner.expects_refusal(400)
    owner.click("Price of target 1")
    owner.click("Save alias")
    owner.sees("tuned is saved")


def test_the_playground_streams_an_answer_with_its_cost(owner: Person) -> None:
    owner.open_place("Playground")
    owner.page.get_by_label("Model", exact=True).fill("priced")
    owner.click("Send")
    expect(owner.page.get_by_text(re.compile(r"\d+ \+ \d+ tokens"))).to_be_visible()
    owner.page.get_by_role("link", name="Its journey").click()
    owner.sees("Tokens and money")


def test_requests_are_followed_live_and_filters_are_in_the_url(owner: Person, gateway: Gateway) -> None:
    owner.open_place("Requests")
    owner.click("Follow live")
    owner.page.wait_for_url("**live=true**")
    seen = owner.page.get_by_role("row").filter(has_text="watched")
    expect(seen).to_have_count(0)
    assert ask(gateway, gateway.key, "sandbox/watched", "watch me").status_code in (200, 404)
    expect(seen.first).to_be_visible()
    owner.page.keyboard.press("j")
    expect(owner.page.locator("tbody tr").first).to_be_focused()
    owner.page.keyboard.press("j")
    owner.page.keyboard.press("k")
    expect(owner.page.locator("tbody tr").first).to_be_focused()
    owner.page.keyboard.press("Enter")
    owner.page.wait_for_url("**/requests/req_*")
    owner.sees("Tokens and money")
    owner.page.go_back()
    owner.page.get_by_label("Model", exact=True).fill("no-such-model")
    owner.page.keyboard.press("Enter")
    owner.sees("No request fits these filters")
    assert "model=no-such-model" in owner.page.url
    owner.click("Clear the filters")
    owner.page.get_by_label("Since").select_option("7d")
    owner.page.wait_for_url("**since=7d**")
    expect(owner.page.locator("tbody tr").first).to_be_visible()


def test_a_page_reloaded_while_its_session_is_renewed_stays_logged_in(owner: Person) -> None:
    owner.page.get_by_role("heading", name="Overview").wait_for()
    lost = list[int]()

    def lose(route: Route) -> None:
        """The gateway answers; the page is gone before it hears of it, and the cookie stays the old one."""
        before = owner.page.context.cookies()
        lost.append(route.fetch().status)
        owner.page.context.add_cookies([cast("Any", cookie) for cookie in before])

    owner.page.route("**/api/v1/auth/refresh", lose, times=1)
    owner.page.reload(wait_until="commit")
    owner.until(lambda: bool(lost))
    owner.page.reload()
    owner.page.get_by_role("heading", name="Overview").wait_for()
    assert lost == [200]


def test_five_tabs_renew_their_session_side_by_side(owner: Person) -> None:
    owner.page.get_by_role("heading", name="Overview").wait_for()
    tabs = [owner.page.context.new_page() for _ in range(4)]
    for tab in tabs:
        tab.goto(owner.page.url, wait_until="commit")
    for tab in tabs:
        tab.get_by_role("heading", name="Overview").wait_for()
    owner.page.reload()
    owner.page.get_by_role("heading", name="Overview").wait_for()


def test_the_keyboard_goes_everywhere(owner: Person) -> None:
    owner.page.get_by_role("heading", name="Overview").wait_for()
    owner.page.keyboard.press("?")
    owner.page.get_by_role("dialog", name="Keyboard shortcuts").wait_for()
    owner.page.keyboard.press("Escape")
    expect(owner.page.get_by_role("dialog")).to_have_count(0)
    owner.page.keyboard.press("g")
    owner.page.keyboard.press("k")
    owner.page.get_by_role("heading", name="Keys").wait_for()
    owner.click("New key")
    expect(owner.page.get_by_label("Name", exact=True)).to_be_focused()
    owner.page.keyboard.press("Escape")
    expect(owner.page.get_by_role("button", name="New key")).to_be_focused()
    owner.page.keyboard.press("Control+k")
    owner.page.get_by_role("combobox", name="A page, a key").fill("sandbox/ch")
    owner.page.get_by_role("option", name="sandbox/chat Model", exact=True).click()
    owner.page.get_by_role("heading", name="Models").wait_for()
    assert "q=sandbox" in owner.page.url


def test_a_sample_is_copied_where_there_is_no_https(owner: Person) -> None:
    owner.go("/o/default/start")
    owner.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    owner.click("Copy the curl sample")
    owner.page.get_by_role("button", name="Copied").wait_for()


def test_everything_that_was_done_is_in_the_audit_log(owner: Person) -> None:
    owner.open_place("Keys")
    owner.click("New key")
    owner.page.get_by_label("Name").fill("audited")
    owner.click("Make key")
    owner.click("I have kept it")
    owner.open_place("Audit")
    owner.page.get_by_label("Act", exact=True).select_option("key.*")
    owner.page.wait_for_url("**action=**")
    row = owner.page.get_by_role("row").filter(has_text="Made a key").first
    expect(row).to_contain_text("audited")
    expect(row).to_contain_text("owner@localhost")
    row.focus()
    owner.page.keyboard.press("Enter")
    expect(owner.page.get_by_role("dialog")).to_contain_text("audited")
    owner.page.keyboard.press("Escape")
    with owner.page.expect_download() as saved:
        owner.click("CSV")
    assert "key.create" in saved.value.path().read_text()


def test_dead_ends_have_a_way_out(owner: Person) -> None:
    owner.go("/o/nowhere/keys")
    owner.page.get_by_role("heading", name="You are in no organisation called nowhere").wait_for()
    owner.page.get_by_role("link", name="Default").click()
    owner.page.get_by_role("heading", name="Overview").wait_for()
    owner.go("/o/default/nothing")
    owner.page.get_by_role("heading", name="There is no such page").wait_for()
