"""Pages of providers' exports for tests: some as they came, others made."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from llmgateway.providers.bills.bill import Bill
from llmgateway.providers.bills.reading import read_bill

PAGES: Final = Path(__file__).parent / "bills"
FOURTH: Final = date(2026, 11, 4)
MIDNIGHT: Final = datetime(2026, 11, 4, tzinfo=UTC)


def page(name: str) -> Bill:
    """One as it came, by its name in `bills/`."""
    return read_bill(name, (PAGES / f"{name}.json").read_bytes())


def costs(*results: dict[str, Any], start: datetime = MIDNIGHT, hours: int = 24, **more: Any) -> bytes:
    """A page of OpenAI's costs with one bucket."""
    begin = int(start.timestamp())
    lines = [{"object": "organization.costs.result", **result} for result in results]
    bucket = {"object": "bucket", "start_time": begin, "end_time": begin + hours * 3600, "results": lines}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False, "next_page": None, **more}).encode()


def dollar(item: str | None = None) -> dict[str, Any]:
    """A line of a dollar."""
    return {"amount": {"value": 1, "currency": "usd"}, "line_item": item}
