"""How much a first visit loads and how quickly pages answer, by the browser's own tracing. `-s` shows the figures."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Request, expect

from tests.dashboard.browser import Person, person
from tests.e2e.gateway import Gateway

Json = dict[str, Any]
MOST_KILOBYTES = 150
"""Of scripts and styles, as they travel, before the first page can be used."""
MOST_SHIFT = 0.1
"""What the web calls a good page: nothing jumps."""
_CATEGORIES = ["loading", "rail", "devtools.timeline", "blink.user_timing", "latencyInfo"]


def test_a_first_visit_loads_little_and_no_chart(browser: Browser, gateway: Gateway) -> None:
    with person(browser, gateway) as somebody:
        loaded = _loaded(somebody.page, lambda: _open_landing(somebody))
        code = {address: size for address, size in loaded.items() if address.endswith((".js", ".css"))}
        kilobytes = sum(code.values()) / 1000
        sys.stdout.write(
            f"\nfirst visit: {kilobytes:.1f} kB of scripts and styles, {sum(loaded.values()) / 1000:.1f} kB with fonts\n"
        )
        assert 20 < kilobytes <= MOST_KILOBYTES
        assert not [address for address in code if "drawing" in address]


def test_nothing_jumps_and_what_is_pressed_answers(owner: Person, browser: Browser, tmp_path: Path) -> None:
    page = owner.page
    browser.start_tracing(page=page, path=tmp_path / "trace.json", categories=_CATEGORIES)
    page.reload()
    page.get_by_role("heading", name="Overview").wait_for()
    expect(page.locator(".skeleton")).to_have_count(0)
    for place in ("Requests", "Keys", "Overview"):
        owner.open_place(place)
        expect(page.locator(".skeleton")).to_have_count(0)
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="A page, a key").type("team")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Team").wait_for()
    browser.stop_tracing()
    events: list[Json] = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    figures = _figures(events)
    sys.stdout.write(f"\nby the browser's tracing: {json.dumps(figures)}\n")
    assert figures["interactions"] > 0
    assert figures["layout_shift"] <= MOST_SHIFT


def _open_landing(somebody: Person) -> None:
    somebody.go("/")
    somebody.page.get_by_role("heading", level=1).wait_for()
    somebody.page.wait_for_load_state("networkidle")


def _loaded(page: Page, visit: Callable[[], None]) -> dict[str, int]:
    """Address -> bytes that travelled."""
    requests = list[Request]()
    page.on("requestfinished", lambda request: requests.append(request))  # noqa: PLW0108 a builtin is no handler
    visit()
    return {request.url: request.sizes()["responseBodySize"] for request in requests}


def _figures(events: list[Json]) -> dict[str, float]:
    """Milliseconds to the first and largest paint, of the slowest interaction; and how much jumped."""
    begun = min(event["ts"] for event in events if event["name"] == "navigationStart")

    def since(name: str) -> float:
        found = [event["ts"] for event in events if event["name"] == name and event["ts"] >= begun]
        return round((max(found) - begun) / 1000) if found else -1

    starts = {event["id"]: event for event in events if event["name"] == "EventTiming" and event["ph"] == "b"}
    ends = {event["id"]: event["ts"] for event in events if event["name"] == "EventTiming" and event["ph"] == "e"}
    pressed = [
        (ends[key] - start["ts"]) / 1000
        for key, start in starts.items()
        if key in ends and start["args"]["data"].get("interactionId", 0) > 0
    ]
    shifts = [
        event["args"]["data"]["score"]
        for event in events
        if event["name"] == "LayoutShift" and not event["args"]["data"]["had_recent_input"]
    ]
    return {
        "first_paint_ms": since("firstContentfulPaint"),
        "largest_paint_ms": since("largestContentfulPaint::Candidate"),
        "interactions": len(pressed),
        "slowest_interaction_ms": round(max(pressed, default=-1)),
        "layout_shift": round(sum(shifts), 4),
    }
