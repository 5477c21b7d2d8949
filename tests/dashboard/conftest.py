"""One gateway and one browser for all journeys."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from llmgateway.dashboard import FOLDER
from tests.dashboard.browser import CHROMIUM, Person, chromium, person
from tests.dashboard.checkout import Checkout, open_checkout
from tests.e2e.gateway import Gateway, run_gateway

CONFIG = """
models:
  priced: {targets: [{provider: sandbox, model: chat, price: {input: "1000", output: "1000"}}]}
cache: {ttl: 600}
"""
NOBODY = "http://127.0.0.1:9/v1"
"""A provider that is down."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Loudly leave them out where there is no browser or no dashboard."""
    missing = [
        what
        for what, there in (("chromium", Path(CHROMIUM)), ("the built dashboard", FOLDER / "index.html"))
        if not there.exists()
    ]
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in here:
        item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.timeout(300))
        if missing:
            item.add_marker(pytest.mark.skip(reason=f"SKIPPED LOUDLY: {' and '.join(missing)} is missing: make ready"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Closed with this package: while it is open its event loop runs in this thread, and no other can."""
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="session")
def checkout() -> Iterator[Checkout]:
    with open_checkout() as opened:
        yield opened


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, checkout: Checkout) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("dashboard")
    settings = {"LLMGATEWAY_SIGNUP": "on", "OPENAI_API_KEY": "sk-nobody", "OPENAI_BASE_URL": NOBODY}
    with run_gateway(folder, CONFIG, **settings, **checkout.settings) as running:
        running.command("stripe", "setup")
        yield running


@pytest.fixture(scope="module")
def owners_browser(browser: Browser, gateway: Gateway) -> Iterator[Person]:
    """The first owner, logged in once: many logins in a few minutes are refused."""
    with person(browser, gateway) as somebody:
        somebody.log_in_as_owner()
        yield somebody


@pytest.fixture
def owner(owners_browser: Person) -> Iterator[Person]:
    """The first owner at the overview. At the end nothing may have gone wrong in the console."""
    owners_browser.go("/o/default")
    yield owners_browser
    complaints, owners_browser.complaints = owners_browser.complaints, []
    assert complaints == []
