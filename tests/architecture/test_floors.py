"""The floors of the house: imports go down only, and nothing goes in circles."""

import tomllib
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

from tests.architecture.source import ROOT


def test_the_contracts_of_the_floors_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS


def test_the_contracts_know_no_exceptions() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    assert settings["contracts"]
    assert [contract["name"] for contract in settings["contracts"] if "ignore_imports" in contract] == []


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("llmgateway", cache_dir=None)


def test_no_modules_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    assert _circle(imports) == []


def test_no_neighbours_at_any_depth_import_each_other_in_a_circle(graph: grimp.ImportGraph) -> None:
    """Two folders side by side may not need each other, even through different modules."""
    siblings: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for importer in graph.modules:
        for imported in graph.find_modules_directly_imported_by(importer):
            parent, one, other = _fork(importer.split("."), imported.split("."))
            if one != other:
                siblings[parent][one].add(other)
    assert {parent: circle for parent, imports in siblings.items() if (circle := _circle(imports))} == {}


def _fork(importer: list[str], imported: list[str]) -> tuple[str, str, str]:
    """The deepest package above both, and its two children that lead to them."""
    depth = next(
        (place for place, (one, other) in enumerate(zip(importer, imported, strict=False)) if one != other),
        min(len(importer), len(imported)),
    )
    return ".".join(importer[:depth]), ".".join(importer[: depth + 1]), ".".join(imported[: depth + 1])


def _circle(imports: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
