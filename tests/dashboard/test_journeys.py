"""What people come for, from its first page to its end."""

import re

import httpx2
from playwright.sync_api import Browser, expect

from tests.dashboard.browser import PASSWORD, Person, person
from tests.e2e.gateway import Gateway


def ask(gateway: Gateway, key: str, model: str = "sandbox/chat", text: str = "Hello") -> httpx2.Response:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def shown_key(somebody: Person) -> str:
    """The secret that is shown this once."""
    return (somebody.page.get_by_label("the key", exact=True).text_content() or "").strip()


def test_from_signing_up_to_the_first_request(browser: Browser, gateway: Gateway) -> None:
    with person(browser, gateway) as ada:
        ada.go("/")
        ada.page.get_by_role("link", name="Start free").click()
        ada.page.get_by_label("E-mail").fill("ada@example.com")
        ada.page.get_by_label("Password").fill(PASSWORD)
        ada.page.get_by_label("Organisation").fill("Analytical Engines")
        ada.click("Create account")
        ada.sees("Look into your mail")
        ada.go(ada.mailed("/verify", "ada@example.com"))
        ada.sees("Your address is confirmed")
        ada.log_in("ada@example.com", PASSWORD)
        ada.page.get_by_role("link", name="Send the first request").click()
        ada.click("Make a key")
        key = shown_key(ada)
        ada.sees("Waiting for the first request")
        assert ask(gateway, key).status_code == 200
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
        vera.expects_refusal(403)
    owner.page.reload()
    owner.sees("accepted")


def test_a_key_is_made_used_changed_rotated_and_revoked(owner: Person, gateway: Gateway) -> None:
    owner.open_place("Keys")
    owner.click("New key")
    owner.page.get_by_label("Name").fill("search service")
    owner.page.get_by_label("Requests a minute").fill("2")
    owner.click("Make key")
    first = shown_key(owner)
    owner.click("I have kept it")
    row = owner.page.get_by_role("row").filter(has_text="search service")
    expect(row).to_contain_text("2/min")
    assert [ask(gateway, first, text=str(number)).status_code for number in range(3)] == [200, 200, 429]

    owner.page.get_by_role("button", name="Acts on search service").click()
    owner.page.get_by_role("menuitem", name="Edit").click()
    owner.page.get_by_label("Requests a minute").fill("none at all")
    owner.click("Save")
    owner.page.get_by_role("alert").wait_for()
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
    owner.click("Edit")
    owner.click("Add a target")
    owner.page.get_by_label("Target 2", exact=True).fill("sandbox/chat")
    owner.click("Save alias")
    expect(owner.page.get_by_role("row").filter(has_text="steady")).to_contain_text("sandbox/chat")
    owner.page.get_by_label("Model", exact=True).fill("steady")
    owner.click("Explain")
    owner.sees("prompt tokens")

    answered = ask(gateway, gateway.key, "steady", "does it hold?")
    assert answered.status_code == 200
    gateway.usage(answered.headers["x-request-id"])
    owner.page.keyboard.press("Control+k")
    owner.page.get_by_role("combobox", name="A page, a key").fill(answered.headers["x-request-id"])
    owner.page.keyboard.press("Enter")
    owner.sees("Attempt 1")
    owner.sees("served by sandbox/chat")
    expect(owner.page.get_by_text("openai/gpt-4.1").first).to_be_visible()
    assert "failed" not in owner.page.get_by_role("heading", level=1).inner_text()


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
    owner.page.wait_for_timeout(1000)
    assert ask(gateway, gateway.key, "priced", "watch me").status_code == 200
    expect(owner.page.get_by_role("row").filter(has_text="priced").first).to_be_visible()
    owner.page.get_by_label("Model", exact=True).fill("no-such-model")
    owner.page.keyboard.press("Enter")
    owner.sees("No request fits these filters")
    assert "model=no-such-model" in owner.page.url
    owner.page.go_back()


def test_a_budget_is_set_and_what_is_beyond_it_is_refused(owner: Person, gateway: Gateway) -> None:
    owner.open_place("Budgets")
    owner.page.get_by_label("Budget a month in dollars").fill("not money")
    owner.click("Save budget")
    owner.page.get_by_role("alert").wait_for()
    owner.expects_refusal(400)
    owner.click("New project")
    owner.page.get_by_label("Name").fill("small")
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("Budget a month in dollars").fill("0.01")
    owner.click("Make project")
    expect(owner.page.get_by_role("row").filter(has_text="small")).to_contain_text("$0.01")
    owner.open_place("Keys")
    owner.click("New key")
    owner.page.get_by_label("Name").fill("small key")
    owner.page.get_by_label("Project").select_option(label="small")
    owner.click("Make key")
    key = shown_key(owner)
    owner.click("I have kept it")
    answers = [ask(gateway, key, "priced", f"too dear {number}") for number in range(3)]
    assert answers[-1].status_code == 402
    assert answers[-1].json()["error"]["code"] == "budget_exceeded"


def test_everything_that_was_done_is_in_the_audit_log(owner: Person) -> None:
    owner.open_place("Keys")
    owner.click("New key")
    owner.page.get_by_label("Name").fill("audited")
    owner.click("Make key")
    owner.click("I have kept it")
    owner.open_place("Audit")
    row = owner.page.get_by_role("row").filter(has_text="key.create").first
    expect(row).to_contain_text("owner@localhost")
    row.focus()
    owner.page.keyboard.press("Enter")
    expect(owner.page.get_by_role("dialog")).to_contain_text("audited")
    owner.page.keyboard.press("Escape")
    with owner.page.expect_download() as saved:
        owner.click("CSV")
    assert "key.create" in saved.value.path().read_text()
