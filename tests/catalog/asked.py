"""The catalogue, asked what a usage costs."""

from datetime import UTC, datetime

from llmgateway.canon.usage import Usage
from llmgateway.catalog.catalog import load_catalog

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CATALOG = load_catalog()


def cost(model: str, usage: Usage, at: datetime = NOON, tier: str | None = None) -> int | None:
    """Nanos; None is unpriced."""
    provider, _, name = model.partition("/")
    priced = CATALOG.price(provider, name, usage, at, tier=tier)
    return None if priced is None else priced.nanos


def lacking(model: str, usage: Usage, tier: str | None = None) -> tuple[str, ...]:
    """What of it has no price."""
    provider, _, name = model.partition("/")
    priced = CATALOG.price(provider, name, usage, NOON, tier=tier)
    assert priced is not None
    return priced.lacking
