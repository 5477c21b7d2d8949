"""The pinned dependencies: complete, hashed, and installable from any index."""

import re
import tomllib
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.architecture.source import ROOT

LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-demo.lock")


def _pins(lock: str) -> dict[str, set[str]]:
    """Name -> versions; a universal lock may pin one a platform."""
    pins: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([\w.-]+)(?:\[[\w,]+\])?==([^\s;\\]+)", (ROOT / lock).read_text("utf-8"), re.MULTILINE
    ):
        pins.setdefault(canonicalize_name(name), set()).add(version)
    return pins


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"\S*://\S*|^--(?:index|extra-index|find-links|trusted)\S*.*$", text, re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=\S)", (ROOT / lock).read_text(encoding="utf-8").strip())
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(
    ("lock", "group"),
    [("requirements.lock", None), ("requirements-dev.lock", "dev"), ("requirements-demo.lock", "demo")],
)
def test_a_lock_covers_what_the_project_asks_for(lock: str, group: str | None) -> None:
    project = _project()
    wishes = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    pins = _pins(lock)
    for wish in map(Requirement, wishes):
        versions = pins.get(canonicalize_name(wish.name), set())
        assert any(version in wish.specifier for version in versions), f"{lock} does not satisfy {wish}: make lock"


def test_the_tools_are_pinned_beside_the_same_packages() -> None:
    tools = _pins("requirements-dev.lock")
    assert {
        name: versions for name, versions in _pins("requirements.lock").items() if tools.get(name) != versions
    } == {}
