"""A shop of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controlplane.billing.shop import Shop, open_shop


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """With Stripe connected."""
    async with open_shop(database_url, tmp_path) as opened:
        yield opened
