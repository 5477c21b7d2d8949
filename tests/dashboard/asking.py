"""The key that a page shows, and requests with it."""

import time

import httpx2

from tests.dashboard.browser import Person
from tests.e2e.gateway import Gateway


def ask(gateway: Gateway, key: str, model: str = "sandbox/chat", text: str = "Hello") -> httpx2.Response:
    """A chat with a key, as a program sends it."""
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    headers = {"authorization": f"Bearer {key}"}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def until_stored(gateway: Gateway, request: str) -> None:
    """Wait until pages can show a request of the first key."""
    deadline, headers = time.monotonic() + 60, {"authorization": f"Bearer {gateway.key}"}
    while httpx2.get(f"{gateway.url}/v1/requests/{request}", headers=headers, timeout=30).status_code != 200:
        assert time.monotonic() < deadline, request
        time.sleep(0.2)


def shown_key(somebody: Person) -> str:
    """The secret that is shown this once."""
    return (somebody.page.get_by_label("the key", exact=True).text_content() or "").strip()
