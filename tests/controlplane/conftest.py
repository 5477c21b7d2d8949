"""A control plane of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controlplane.api import Api, open_api


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[Api]:
    """With sign-up on."""
    async with open_api(database_url, tmp_path) as api:
        yield api
