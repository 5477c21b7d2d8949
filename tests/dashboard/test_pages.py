"""Every page, in light, in dark and on a phone: no error, no barrier, nothing too wide. `SHOTS=folder` keeps their pictures."""

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.asking import ask, until_stored
from tests.dashboard.browser import Person, Theme, kept, person
from tests.e2e.gateway import Gateway

OPEN = ("/", "/pricing", "/docs", "/contact", "/terms", "/privacy", "/sla", "/login", "/signup", "/forgot")
KNOWN = (
    "/o/default", "/o/default/requests", "/o/default/playground", "/o/default/models", "/o/default/routes",
    "/o/default/cache", "/o/default/keys", "/o/default/team", "/o/default/providers", "/o/default/budgets",
    "/o/default/billing", "/o/default/audit", "/o/default/settings", "/o/default/start", "/profile", "/admin",
)  # fmt: skip
LOOKS: tuple[tuple[Theme, int], ...] = (("light", 1280), ("dark", 1280), ("light", 390))


@pytest.mark.parametrize(("theme", "width"), LOOKS, ids=["light", "dark", "phone"])
def test_every_page_in(browser: Browser, gateway: Gateway, theme: Theme, width: int) -> None:
    for text in ("one", "two", "two"):
        request = ask(gateway, gateway.key, "priced", text).headers["x-request-id"]
    until_stored(gateway, request)
    look = f"{theme}-{width}"
    with person(browser, gateway, theme=theme, width=width) as somebody:
        troubles = [trouble for path in OPEN for trouble in _look(somebody, path, look)]
        somebody.log_in_as_owner()
        known = (*KNOWN, f"/o/default/requests/{request}")
        troubles += [trouble for path in known for trouble in _look(somebody, path, look)]
    assert troubles == []


def _look(somebody: Person, path: str, name: str) -> list[str]:
    """What is wrong with a page."""
    somebody.go(path)
    page = somebody.page
    page.get_by_role("heading", level=1).first.wait_for()
    expect(page.locator(".skeleton")).to_have_count(0)
    troubles = [f"{path}: {barrier}" for barrier in somebody.barriers()]
    too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if too_wide > 0:
        troubles.append(f"{path} is {too_wide} px wider than the screen")
    kept(page, f"{path.strip('/').replace('/', '-') or 'landing'}-{name}")
    return troubles


def test_the_policy_of_the_page_holds(owner: Person) -> None:
    """A script that somebody smuggles into the page does not run."""
    owner.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.smuggled = 1\">')")
    owner.page.wait_for_timeout(300)
    assert owner.page.evaluate("window.smuggled") is None
    assert any("Content Security Policy" in text or "violates" in text for text in owner.complaints)
    owner.complaints.clear()
