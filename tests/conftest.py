"""What all tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.throwaway import remove_clusters

pytest_plugins = ["tests.fixtures_database"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that at the end of a run of several workers none waits long for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """Pytest's, without what the databases of the test leave elsewhere."""
    yield tmp_path
    remove_clusters(tmp_path)


@pytest.fixture(scope="session", autouse=True)
def _no_cluster_stays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nor what the databases of modules and of the session leave."""
    yield
    remove_clusters(tmp_path_factory.getbasetemp())
