"""The test's database, as jobs see it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.billing.shop import Shop, open_shop


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Database]:
    """As `worker`."""
    database = Database(database_url, Role.WORKER)
    yield database
    await database.close()


@pytest.fixture
async def shop(database_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """With Stripe connected."""
    async with open_shop(database_url, tmp_path) as opened:
        yield opened
