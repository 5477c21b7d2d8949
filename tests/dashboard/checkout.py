"""A stand-in for Stripe: its API as a small server of our own, and its Checkout as a page that a browser can pay on."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2
from playwright.sync_api import Page, Route

from llmgateway.kit.clock import SystemClock
from tests.e2e.gateway import Gateway
from tests.fakes.stripe.server import KEY, SECRET, FakeStripe, fake_stripe

Json = dict[str, Any]
_PAGE = '<!doctype html><html lang="en"><title>Checkout</title><h1>{title}</h1><a href="{to}">{act}</a></html>'


@dataclass
class Checkout:
    """Stripe, and who pays there."""

    stripe: FakeStripe
    delivered: int = 0

    @property
    def settings(self) -> dict[str, str]:
        return {"STRIPE_SECRET_KEY": KEY, "STRIPE_WEBHOOK_SECRET": SECRET, "STRIPE_API_BASE": self.stripe.url}

    def open_for(self, page: Page, gateway: Gateway) -> None:
        """From now on a browser that is sent to Checkout gets there."""
        page.route("https://checkout.test/**", lambda route: self._serve(route, gateway))

    def _serve(self, route: Route, gateway: Gateway) -> None:
        address = route.request.url
        if address.endswith("/favicon.ico"):
            route.fulfill(status=204)
            return
        session = next(one for one in self.stripe.account.all("checkout.session") if address.startswith(one["url"]))
        if address.endswith("/paid"):
            self.stripe.account.complete(session["url"])
            self.tell(gateway)
            page = _PAGE.format(title="Thank you", to=session["success_url"], act="Back to the shop")
        else:
            title = f"Pay {session['amount_total'] / 100:.2f} dollars"
            page = _PAGE.format(title=title, to=f"{session['url']}/paid", act="Pay")
        route.fulfill(status=200, content_type="text/html", body=page)

    def tell(self, gateway: Gateway) -> None:
        """Webhooks arrive."""
        fresh = self.stripe.account.events[self.delivered :]
        self.delivered += len(fresh)
        for event in fresh:
            body, headers = self.stripe.signed(event)
            answer = httpx2.post(f"{gateway.url}/api/v1/webhooks/stripe", content=body, headers=dict(headers))
            assert answer.status_code == 204, answer.text


@contextmanager
def open_checkout() -> Generator[Checkout]:
    """Its API in a thread with a loop of its own: Playwright's runs in this one."""
    started, made = threading.Event(), list[FakeStripe]()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with fake_stripe(SystemClock()) as stripe:
            made.append(stripe)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield Checkout(made[0])
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
