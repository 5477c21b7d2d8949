"""The docs site: every link and picture leads somewhere, nothing is loaded from elsewhere, all of it can be searched."""

import json
import re
from html.parser import HTMLParser
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.site import PAPERS, build, pages
from llmgateway.controlplane.wing import build_api
from tests.architecture.source import ROOT

pytestmark = [pytest.mark.slow]


class _Links(HTMLParser):
    """What a page refers to, what it loads, and the places in it."""

    def __init__(self) -> None:
        super().__init__()
        self.refers = list[str]()
        self.loads = list[str]()
        self.places = set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.places.add(given["id"])
        if tag == "a" and "href" in given:
            self.refers.append(given["href"])
        elif tag in {"script", "img", "iframe"} and "src" in given:
            self.loads.append(given["src"])
        elif tag == "link" and given.get("rel") in {"stylesheet", "icon", "preload"}:
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def read(site: Path) -> dict[Path, _Links]:
    found = dict[Path, _Links]()
    for file in site.rglob("*.html"):
        if file.name != "404.html":  # it is shown at any address, so its links are absolute
            found[file.resolve()] = _Links()
            found[file.resolve()].feed(file.read_text("utf-8"))
    return found


def test_every_paper_is_a_page(site: Path, read: dict[Path, _Links]) -> None:
    papers = [*PAPERS, *(ROOT / "docs").rglob("*.md")]
    assert len(read) == len(papers) + 1, "the API's page is written from its document"
    assert len(read) > 50
    assert (site / "index.html").exists()


def test_every_link_leads_to_a_place(read: dict[Path, _Links]) -> None:
    dead = list[str]()
    for file, links in read.items():
        for link in (*links.refers, *links.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                dead.append(f"{file.name}: {link}")
            elif parts.fragment and target in read and unquote(parts.fragment) not in read[target].places:
                dead.append(f"{file.name}: {link} (no such place)")
    assert dead == []


def test_nothing_is_loaded_from_elsewhere(read: dict[Path, _Links]) -> None:
    assert {link for links in read.values() for link in links.loads if urlsplit(link).netloc} == set()


def test_everything_can_be_searched(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    places = {entry["location"].partition("#")[0] for entry in index["docs"]}
    wanted = {re.sub(r"README\.md$", "index.md", page.path).removesuffix(".md") + ".html" for page in pages()}
    assert wanted <= places


def test_llms_txt_names_every_page_and_each_is_there_as_text(site: Path) -> None:
    told = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", (site / "llms.txt").read_text("utf-8"), re.MULTILINE)
    assert set(told) == {page.path for page in pages()}
    for path in told:
        assert (site / path).read_text("utf-8").startswith("#"), path
    assert "`llmgateway_requests_total`" in (site / "llms-full.txt").read_text("utf-8")


def test_the_reference_has_every_operation(site: Path) -> None:
    text = (site / "reference" / "api.md").read_text("utf-8")
    document = build_api(version("llmgateway")).openapi()
    for path, operations in document["paths"].items():
        for method in operations:
            assert f"### `{method.upper()} {path}`" in text


def test_code_comes_through_unchanged() -> None:
    index = next(page for page in pages() if page.path == "index.md")
    blocks = re.findall(r"```.*?```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert blocks
    assert all(block in index.text for block in blocks)
