"""The papers agree with the code: generated pages are fresh, links lead somewhere, promises name their tests."""

import ast
import re
from typing import Any

import pytest
from typer import BadParameter
from typer.exceptions import TyperException
from typer.main import get_command

from docs.error_codes import ERROR_CODES
from docs.generate import PAGES
from llmgateway import errors
from llmgateway.cli import cli
from llmgateway.errors import Problem
from tests.architecture.source import ROOT, modules

PAPERS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("path", PAGES)
def test_a_generated_page_is_fresh(path: str) -> None:
    assert (ROOT / path).read_text(encoding="utf-8") == PAGES[path](), "run `make docs`"


def test_every_kind_of_problem_is_documented() -> None:
    documented = {(code.status, code.code) for code in ERROR_CODES}
    kinds = [Problem, *Problem.__subclasses__()]
    assert {(kind.status, kind.default_code) for kind in kinds} - documented == set()
    assert len({code.code for code in ERROR_CODES}) == len(ERROR_CODES)


def test_the_tree_of_errors_has_every_kind_of_problem() -> None:
    tree = errors.__doc__ or ""
    for kind in (one for one in Problem.__subclasses__() if one.__module__ == errors.__name__):
        assert re.search(rf"\+-- {kind.__name__} +{kind.status} .*{kind.default_code}", tree), kind


def test_every_code_that_is_given_is_documented() -> None:
    given = {
        word.value.value
        for module in modules()
        for call in ast.walk(module.tree)
        if isinstance(call, ast.Call)
        for word in call.keywords
        if word.arg == "code" and isinstance(word.value, ast.Constant) and isinstance(word.value.value, str)
    }
    assert len(given) > 20
    assert given - {code.code for code in ERROR_CODES} == set()


def test_every_command_line_of_the_runbooks_is_one_that_llmgateway_has() -> None:
    lines = [
        (paper.name, " ".join(line.split()))
        for paper in (ROOT / "docs" / "operate").rglob("*.md")
        for code in _code(paper.read_text(encoding="utf-8"))
        for line in re.findall(r"(?:^|\s|bin/)llmgateway ([a-z].*)", code, re.DOTALL)
    ]
    assert len(lines) > 20
    assert [f"{name}: llmgateway {line}: {why}" for name, line in lines if (why := _why_not(line))] == []


def _code(page: str) -> list[str]:
    """Indented lines, and what stands between backticks in the text between them."""
    text = re.sub(r"^```.*?^```|^ {4}.+?$", "", page, flags=re.MULTILINE | re.DOTALL)
    return [*re.findall(r"^ {4}(.+)$", page, re.MULTILINE), *re.findall(r"`([^`]+)`", text)]


def _why_not(line: str) -> str:
    """What is wrong with a command line whose values are placeholders; empty when nothing is."""
    command: Any = get_command(cli)
    words = line.split()
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands"):
        return "it is a group, or no command"
    try:
        command.make_context("llmgateway", words)
    except BadParameter:
        return ""  # a placeholder, or left out
    except TyperException as error:
        return str(error)
    return ""


def test_links_to_files_lead_somewhere() -> None:
    links = [
        (paper, link)
        for paper in PAPERS
        for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", paper.read_text(encoding="utf-8"))
        if "://" not in link
    ]
    assert [f"{paper.name}: {link}" for paper, link in links if not (paper.parent / link).exists()] == []


def test_every_invariant_names_a_test_that_exists() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    paragraphs = [paragraph for paragraph in text.split("\n\n") if paragraph.startswith("**Invariant")]
    assert paragraphs
    for paragraph in paragraphs:
        tests = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", paragraph)
        assert tests, f"names no test: {paragraph[:80]}"
        for path, name in tests:
            assert f"def {name}" in (ROOT / path).read_text(encoding="utf-8"), f"{path} has no {name}"


def test_every_row_of_what_happens_when_something_is_down_is_a_test_with_that_name() -> None:
    page = (ROOT / "docs/operate/failures.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+?) \|", page, re.MULTILINE)[1:]
    named = [row.lower().replace(" ", "_").removesuffix("_full") for row in rows]
    source = (ROOT / "tests/e2e/test_when_down.py").read_text(encoding="utf-8")
    tests = re.findall(r"^def test_(\w+?)_(?:down|full)\(", source, re.MULTILINE)
    assert named == tests


def test_decisions_have_their_form() -> None:
    """Context, Decision, Consequences and Alternatives, in under a page."""
    for paper in (ROOT / "docs" / "adr").glob("0*.md"):
        text = paper.read_text(encoding="utf-8")
        headings = [heading.lower() for heading in re.findall(r"^##+ (.+)$", text, re.MULTILINE)]
        assert headings[:4] == ["context", "decision", "consequences", "alternatives"], paper.name
        assert len(text.split()) <= 500, f"{paper.name} is over a page"
