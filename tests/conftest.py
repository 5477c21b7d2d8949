"""What all tests share."""

import gc
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from deploy.local.throwaway import remove_clusters

pytest_plugins = ["tests.fixtures_database"]

gc.disable()  # while tests are collected: what is loaded for them stays until the end


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that at the end of a run of several workers none waits long for another."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """From here on the collector looks only at what tests make, as in `llmgateway.__main__`."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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
