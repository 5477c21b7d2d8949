"""The test's database, as jobs see it."""

from collections.abc import AsyncIterator

import pytest

from llmgateway.db.roles import Role
from llmgateway.db.session import Database


@pytest.fixture
async def worker(database_url: str) -> AsyncIterator[Database]:
    """As `worker`."""
    database = Database(database_url, Role.WORKER)
    yield database
    await database.close()
