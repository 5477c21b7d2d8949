"""Two people at the same thing: nobody undoes what another did, and nobody lifts what is not theirs to lift."""

from playwright.sync_api import Browser, expect

from tests.dashboard.browser import PASSWORD, Person, kept, person
from tests.e2e.gateway import Gateway


def test_a_budget_that_was_set_meanwhile_stays_when_an_older_page_is_saved(owner: Person) -> None:
    owner.open_place("Budgets")
    other = owner.page.context.new_page()
    other.goto(owner.page.url)
    other.get_by_label("A month").fill("500")
    other.get_by_role("button", name="Save budgets").click()
    other.get_by_text("The budgets are saved").first.wait_for()
    other.close()
    owner.page.get_by_label("A day").fill("50")
    owner.click("Save budgets")
    owner.sees("The budgets are saved")
    expect(owner.page.get_by_label("A month")).to_have_value("500")
    owner.page.get_by_label("A month").fill("")
    owner.page.get_by_label("A day").fill("")
    owner.click("Save budgets")
    expect(owner.page.get_by_role("meter", name="Organisation")).to_have_count(0)


def test_who_made_a_key_sees_what_an_admin_set_and_cannot_lift_it(
    owner: Person, browser: Browser, gateway: Gateway
) -> None:
    owner.open_place("Team")
    owner.click("Invite")
    owner.page.get_by_label("E-mail").fill("mel@example.com")
    owner.click("Send invitation")
    link = owner.mailed("/invitation", "mel@example.com")
    with person(browser, gateway) as mel:
        _join(mel, link)
        mel.open_place("Keys")
        mel.click("New key")
        mel.page.get_by_label("Name").fill("mels key")
        mel.click("Make key")
        mel.click("I have kept it")
        _edit(owner, "mels key")
        owner.page.get_by_label("A month").fill("5")
        owner.page.get_by_label("Requests a minute").fill("7")
        owner.click("Save")
        expect(owner.page.get_by_role("row").filter(has_text="mels key")).to_contain_text("7/min")
        _edit(mel, "mels key")
        expect(mel.page.get_by_label("When it is spent")).to_be_disabled()
        mel.sees("An admin set it: you may lower it.")
        kept(mel.page, "member-key")
        mel.page.get_by_label("A month").fill("6")
        mel.click("Save")
        expect(mel.page.get_by_role("alert")).to_contain_text("An admin or owner can change it")
        mel.expects_refusal(403)
        mel.page.get_by_label("A month").fill("4")
        mel.click("Save")
        expect(mel.page.get_by_role("row").filter(has_text="mels key")).to_contain_text("$4.00 a month")


def _join(somebody: Person, link: str) -> None:
    somebody.go(link)
    somebody.page.get_by_role("link", name="Create an account").click()
    somebody.page.get_by_label("E-mail").fill("mel@example.com")
    somebody.page.get_by_label("Password").fill(PASSWORD)
    somebody.click("Create account")
    somebody.sees("Your account is made")
    somebody.log_in("mel@example.com", PASSWORD)


def _edit(somebody: Person, key: str) -> None:
    somebody.open_place("Keys")
    somebody.page.reload()
    somebody.page.get_by_role("button", name=f"Acts on {key}").click()
    somebody.page.get_by_role("menuitem", name="Edit").click()
    somebody.page.get_by_role("dialog").wait_for()
