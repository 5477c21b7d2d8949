"""The bounded memory."""

import gc
from datetime import UTC, datetime
from decimal import Decimal

from llmgateway.canon.usage import Usage
from llmgateway.catalog.catalog import load_catalog
from llmgateway.catalog.pricing import PriceOverride, TieredRates
from llmgateway.catalog.recent import Recent


def test_asks_once() -> None:
    asked = list[str]()
    recent = Recent[str, int](2)

    def find(key: str) -> int:
        asked.append(key)
        return len(key)

    assert [recent.get(key, find) for key in ("a", "bb", "a", "bb")] == [1, 2, 1, 2]
    assert asked == ["a", "bb"]


def test_remembers_that_there_is_nothing() -> None:
    asked = list[str]()
    recent = Recent[str, None](2)
    for _ in range(2):
        recent.get("a", asked.append)
    assert asked == ["a"]


def test_forgets_what_was_unused_longest() -> None:
    asked = list[str]()
    recent = Recent[str, None](2)
    for key in ("a", "b", "a", "c", "a", "b"):
        recent.get(key, asked.append)
    assert (asked, len(recent)) == (["a", "b", "c", "b"], 2)


def test_prices_that_tenants_change_all_day_are_forgotten_again() -> None:
    catalog, noon = load_catalog(), datetime(2026, 11, 20, 12, tzinfo=UTC)
    usage, before = Usage(prompt_tokens=1_000_000), sum(isinstance(one, TieredRates) for one in gc.get_objects())
    for dollars in range(5_000):
        priced = catalog.price("groq", "m", usage, noon, override=PriceOverride(Decimal(dollars), Decimal(0)))
        assert priced is not None
        assert priced.nanos == dollars * 10**9
    assert sum(isinstance(one, TieredRates) for one in gc.get_objects()) - before < 4_200
