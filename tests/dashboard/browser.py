"""A person at a real browser in front of a real gateway, who notices every error in the console."""

import os
import re
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.gateway import Gateway

CHROMIUM = "/usr/bin/chromium"
_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
_PATIENCE_MS = 20_000
"""Of a busy machine; nothing waits that long where all is well."""
_AXE = Path(__file__).parents[2] / "dashboard" / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "correct horse battery staple"
Theme = Literal["light", "dark"]


class Person:
    """One browser profile: its own cookies, one page."""

    def __init__(self, page: Page, gateway: Gateway) -> None:
        self.page = page
        self.gateway = gateway
        self.complaints = list[str]()
        """What the console said that it should not; a refusal that the test expects is taken out by the test."""
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def expects_refusal(self, status: int) -> None:
        """Takes the browser's own line about a refused request out of the complaints."""
        told = list[str]()

        def heard() -> bool:
            told[:] = [text for text in self.complaints if f"status of {status}" in text]
            return bool(told)

        self.until(heard, 15)
        self.complaints = [text for text in self.complaints if text not in told]

    def go(self, path: str) -> None:
        """Open an address, and wait until nothing is being loaded but what streams."""
        self.page.goto(self.gateway.url + path)

    def log_in(self, email: str, password: str) -> None:
        self.go("/login")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        self.page.wait_for_url("**/o/**")

    def log_in_as_owner(self) -> None:
        """The first owner, by the password that the gateway printed."""
        found = re.search(r"First owner\s+(\S+)\s+Password\s+(\S+)", self.gateway.greeting)
        assert found is not None, self.gateway.greeting
        self.log_in(found[1], found[2])

    def sign_up(self, email: str, organisation: str) -> None:
        """With PASSWORD; confirmed by the mail, and logged in."""
        self.go("/signup")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.get_by_label("Organisation").fill(organisation)
        self.click("Create account")
        self.sees("Look into your mail")
        self.go(self.mailed("/verify", email))
        self.sees("Your address is confirmed")
        self.log_in(email, PASSWORD)

    def sees(self, text: str) -> None:
        """Waits until the words are there."""
        self.page.get_by_text(text).first.wait_for()

    def comes_to_see(self, path: str, text: str) -> None:
        """Opens a page, again and again, until what was told elsewhere is on it."""

        def seen() -> bool:
            self.go(path)
            self.page.get_by_role("heading", level=1).first.wait_for()
            self.page.wait_for_timeout(500)
            return self.page.get_by_text(text).first.is_visible()

        self.until(seen)

    def click(self, name: str) -> None:
        """A button by its name."""
        self.page.get_by_role("button", name=name, exact=True).first.click()

    def open_place(self, name: str) -> None:
        """A page by the sidebar."""
        self.page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
        self.page.get_by_role("heading", level=1).first.wait_for()

    def mailed(self, path: str, to: str) -> str:
        """The newest link of such a path that was mailed to somebody."""
        return re.findall(rf"http\S*({path}\?token=\S+)", self.letter(to, f"{path}?token="))[-1]

    def letter(self, to: str, about: str) -> str:
        """The newest mail to somebody with such words: mail goes to the log in development."""
        log = self.gateway.data_dir / "gateway.log"

        def found() -> list[str]:
            mails = log.read_text().split("--- mail to ")
            return [mail for mail in mails if mail.startswith(f"{to}:") and about in mail]

        self.until(lambda: bool(found()))
        return found()[-1]

    def until(self, holds: Callable[[], bool], seconds: float = 60) -> None:
        """Waits while the browser goes on."""
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"it never came: {self.page.locator('main').all_inner_texts()}"
            self.page.wait_for_timeout(200)

    def barriers(self) -> list[str]:
        """What axe finds against WCAG 2 A and AA on the page as it stands."""
        self.page.evaluate(_AXE.read_text(encoding="utf-8"))
        rules = "{runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']}"
        found: dict[str, Any] = self.page.evaluate(f"axe.run(document, {rules})")
        return [
            f"{one['id']}: {one['help']} {[node['html'][:200] for node in one['nodes'][:3]]}"
            for one in found["violations"]
        ]


def kept(page: Page, name: str) -> None:
    """A picture for who wants to look: `SHOTS=folder` keeps them."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


@contextmanager
def chromium() -> Generator[Browser]:
    """Debian's browser, without a screen."""
    expect.set_options(timeout=_PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def person(browser: Browser, gateway: Gateway, *, theme: Theme = "light", width: int = 1280) -> Generator[Person]:
    """Somebody with a browser profile of their own. At the end nothing may have gone wrong in the console."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(_PATIENCE_MS)
    try:
        somebody = Person(context.new_page(), gateway)
        yield somebody
        assert not somebody.complaints, f"the console said: {somebody.complaints}"
    finally:
        context.close()
