"""Habits of the code that prose alone would not hold (each failure names the lines)."""

import ast
import re

from tests.architecture.source import Module, dotted, functions, modules

PROCESS_EDGES: dict[str, str] = {
    "controlplane/reception/door.py": "a fault of our own is logged and told, its transaction undone",
    "dataplane/pipeline.py": "a fault of our own is logged, settled and told to the caller in its dialect, never a cut",
    "dataplane/watch/shipping.py": "its loops must go on shipping usage whatever one batch runs into",
    "worker.py": "a job that fails must not take the others with it",
}
"""Files that may catch `Exception`, with the reason: loops and handlers that must outlive any bug below them."""

ENVIRONMENT_EDGES = {
    "cli.py": "the process starts here",
    "commands": "each command hands the environment to load_settings",
    "app.py": "`uvicorn --factory llmgateway.app:create_app` starts here",
    "db/migrations/env.py": "`alembic upgrade head` starts here",
}

BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|managers?|common|types|misc)(_|$)")
_BUILT_IN = {"dict", "frozenset", "list", "set", "tuple"}
MONEY_FILES = re.compile(
    r"(^|[/_])(money|prices?|pricing|ledger|billing|bills?|reconciling|budgets?|invoices?)([/_.]|$)"
)
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|NotImplementedError)\b")


def test_no_import_inside_a_function() -> None:
    """An import inside a function hides a cycle; the cycle is the bug."""
    assert [
        module.at(node)
        for module in modules()
        for function in functions(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ] == []


def test_no_import_for_the_type_checker_alone() -> None:
    assert [module.path for module in modules() if "TYPE_CHECKING" in module.text] == []


def test_modules_are_named_after_things() -> None:
    parts = {part.removesuffix(".py") for module in modules("src", "tests") for part in module.path.split("/")}
    assert sorted(part for part in parts if BANNED_NAMES.search(part)) == []


def test_packages_re_export_nothing() -> None:
    """An `__init__.py` is a docstring: a name has one home, and imports show the floor they come from."""
    assert [
        module.path for module in modules() if module.path.endswith("__init__.py") and len(module.tree.body) > 1
    ] == []


def test_no_global_statement() -> None:
    assert [
        module.at(node) for module in modules() for node in ast.walk(module.tree) if isinstance(node, ast.Global)
    ] == []


def test_the_data_plane_makes_its_lists_of_literals() -> None:
    """`list[str]()` makes an alias, calls it, and raises and drops an AttributeError: ten times the price of `[]`, on each request."""
    floors = ("canon/", "catalog/", "contract/", "dataplane/", "kit/", "providers/")
    assert [
        module.at(node)
        for module in modules()
        if module.room.startswith(floors)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Subscript) and dotted(node.func.value) in _BUILT_IN
    ] == []


def test_broad_excepts_stand_only_at_process_edges() -> None:
    found = {module.room: module.at(node) for module in modules() for node in _broad_excepts(module)}
    assert {room: place for room, place in found.items() if room not in PROCESS_EDGES} == {}
    assert sorted(set(PROCESS_EDGES) - set(found)) == [], "take edges that catch nothing broad off the list"


def _broad_excepts(module: Module) -> list[ast.AST]:
    handlers = [node for node in ast.walk(module.tree) if isinstance(node, ast.ExceptHandler)]
    suppressors = [
        node
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and dotted(node.func).endswith("suppress") and any(map(_is_broad, node.args))
    ]
    return [*(node for node in handlers if node.type is None or _is_broad(node.type)), *suppressors]


def _is_broad(caught: ast.expr) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(map(_is_broad, caught.elts))
    return dotted(caught) in {"Exception", "BaseException"}


def test_only_db_session_commits() -> None:
    """One request or job is one transaction, and one place ends it."""
    assert [
        module.at(node)
        for module in modules()
        if module.room != "db/session.py"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
    ] == []


def test_only_the_edges_read_the_environment() -> None:
    assert [
        module.at(node)
        for module in modules()
        if not ENVIRONMENT_EDGES.keys() & {module.room, module.room.partition("/")[0]}
        for node in ast.walk(module.tree)
        if dotted(node) in {"os.environ", "os.environb", "os.getenv"}
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and {"environ", "getenv"} & _names(node))
    ] == []


def _names(node: ast.ImportFrom) -> set[str]:
    return {alias.name for alias in node.names}


def test_no_float_where_money_is() -> None:
    money = [module for module in modules() if MONEY_FILES.search(module.room)]
    assert money, "kit/money.py at least"
    assert [
        module.at(node)
        for module in money
        for node in ast.walk(module.tree)
        if dotted(node) == "float" or (isinstance(node, ast.Constant) and isinstance(node.value, float))
    ] == []


def test_provider_names_are_compared_only_in_the_room_of_the_providers() -> None:
    assert [
        module.at(node)
        for module in modules()
        if not module.room.startswith(("providers/", "catalog/"))
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Compare) and _compares_a_provider(node)
    ] == []


def _compares_a_provider(node: ast.Compare) -> bool:
    sides = [node.left, *node.comparators]
    named = any(dotted(side).split(".")[-1] in {"provider", "provider_id"} for side in sides)
    return named and any(
        isinstance(side, ast.Constant) and isinstance(side.value, str) and side.value for side in sides
    )


def test_no_file_of_tests_imports_another() -> None:
    """What several need stands in a file of its own, where a reader looks for it."""
    assert [
        module.at(node)
        for module in modules("tests")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("test_")
    ] == []


def test_nothing_is_left_unfinished() -> None:
    assert [
        f"{module.path}:{number}"
        for module in modules()
        for number, line in enumerate(module.text.splitlines(), 1)
        if UNFINISHED.search(line)
    ] == []


def test_comments_cite_only_papers_that_are_here() -> None:
    assert [
        f"{module.path}:{number}"
        for module in modules("src", "bench", "docs", "deploy")
        for number, line in enumerate(module.text.splitlines(), 1)
        if re.search(r"\b(DESIGN|STYLE|PEERS|LIBRARIES)\b", line)
    ] == []
