"""The source tree as parsed modules, for the tests that hold its rules."""

import ast
import gc
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its path from the repository's root, its text and its tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def room(self) -> str:
        """The path inside the package, such as `db/session.py`."""
        return self.path.removeprefix("src/llmgateway/")

    def at(self, node: ast.AST) -> str:
        """Where a reader finds the node: `src/llmgateway/app.py:12`."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file below the folders; without folders those of the package."""
    found = sorted(file for folder in folders or ("src",) for file in (ROOT / folder).rglob("*.py"))
    assert found, f"no Python files below {folders}"
    parsed = tuple(_module(file) for file in found)
    gc.freeze()  # trees of millions of nodes stay to the end: they are not looked through for garbage
    return parsed


@cache
def _module(file: Path) -> Module:
    text = file.read_text(encoding="utf-8")
    return Module(file.relative_to(ROOT).as_posix(), text, ast.parse(text))


def functions(module: Module) -> list[Function]:
    """All functions of a module, at any depth."""
    return [node for node in ast.walk(module.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def dotted(node: ast.AST) -> str:
    """`os.environ` of an attribute chain; the empty string for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""
