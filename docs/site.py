"""`make site`: the docs as a searchable site, with the API's reference and llms.txt; a link that leads nowhere stops it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import yaml

from docs.api_page import api_page
from llmgateway.controlplane.wing import build_api

ROOT: Final = Path(__file__).parents[1]
ORDER: Final[Mapping[str, str]] = {
    "": "llmgateway",
    "guides": "Guides",
    "concepts": "Concepts",
    "reference": "Reference",
    "operate": "Running it",
    "adr": "Decisions",
}
"""Folder of docs/ -> its heading in the navigation, in this order."""
PAPERS: Final[Mapping[str, str]] = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""Of the repository's root, and what they are on the site."""
API_PAGE: Final = "reference/api.md"
_LINK: Final = re.compile(r"\[([^\]]*)\]\((?!\w+:)([^)#\s]*)(#[^)\s]*)?\)")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the site."""

    path: str
    """On the site, with `.md`."""
    text: str

    @property
    def title(self) -> str:
        found = re.search(r"^# (.+)$", self.text, re.MULTILINE)
        return found[1].replace("`", "") if found else self.path

    @property
    def lead(self) -> str:
        """The first sentence that is prose."""
        text = re.sub(r"```.*?```|^(?: {4}|[#|<>\-*\d]).*?$", "\n", self.text, flags=re.MULTILINE | re.DOTALL)
        prose = re.search(r"^(?=[A-Z`*])(.+?)(?:\.\s|\.$|:$|\n\n)", text, re.MULTILINE | re.DOTALL)
        words = " ".join(prose[1].split()) if prose else ""
        return re.sub(r"\[([^\]]+)\]\([^)]*\)", r"\1", words)


def pages() -> list[Page]:
    """All pages, links rewritten to where their targets are on the site."""
    places = {
        **PAPERS,
        **{str(path.relative_to(ROOT)): str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")},
    }
    made = [Page(place, _moved(source, place, places)) for source, place in sorted(places.items(), key=_rank)]
    reference = build_api(version("llmgateway")).openapi()
    return [*made, Page(API_PAGE, api_page(reference))]


def llms_txt(all_pages: Sequence[Page]) -> str:
    """What the site has, for language models: https://llmstxt.org/."""
    lines = ["# llmgateway", "", "> One key, every model: a multi-tenant LLM gateway with exact money."]
    for folder, heading in ORDER.items():
        lines += ["", f"## {heading if folder else 'Project'}", ""]
        for page in all_pages:
            if _folder(page) == folder:
                lines.append(f"- [{page.title}]({page.path})" + (f": {page.lead}" if page.lead else ""))
    return "\n".join([*lines, ""])


def build(folder: Path) -> None:
    """Build the site into a folder. Raises CalledProcessError when a page links to nothing."""
    all_pages = pages()
    with tempfile.TemporaryDirectory() as name:
        staged = Path(name) / "pages"
        for page in all_pages:
            (staged / page.path).parent.mkdir(parents=True, exist_ok=True)
            (staged / page.path).write_text(page.text, encoding="utf-8")
        for picture in (path for kind in ("png", "svg") for path in (ROOT / "docs").rglob(f"*.{kind}")):
            place = staged / picture.relative_to(ROOT / "docs")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(picture, place)
        settings = {
            "INHERIT": str(ROOT / "docs" / "mkdocs.yml"),
            "docs_dir": str(staged),
            "site_dir": str(folder.absolute()),
            "nav": _navigation(all_pages),
        }
        file = Path(name) / "mkdocs.yml"
        file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
        subprocess.run(
            [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--config-file", str(file)],
            check=True,
            env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        )
        for page in all_pages:  # the same pages as text, where llms.txt says they are
            shutil.copy(staged / page.path, folder / page.path)
    (folder / "llms.txt").write_text(llms_txt(all_pages), encoding="utf-8")
    whole = "\n\n".join(page.text for page in all_pages)
    (folder / "llms-full.txt").write_text(whole, encoding="utf-8")


def main() -> None:
    """Build, and say where."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "site")
    build(folder)
    print(f"{folder / 'index.html'}: {len(list(folder.rglob('*.html')))} pages")


def _moved(source: str, place: str, places: Mapping[str, str]) -> str:
    """The text with each link to a page of the repository made one of the site; other files are only named."""

    def at(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        if not target:
            return match[0]
        wanted = os.path.normpath(str(Path(source).parent / target))
        found = places.get(wanted) or places.get(f"{wanted}/README.md")
        if found is None and wanted.endswith((".png", ".svg")):
            found = wanted.removeprefix("docs/")
        if found is None:
            return words
        return f"[{words}]({os.path.relpath(found, Path(place).parent)}{anchor})"

    return _LINK.sub(at, (ROOT / source).read_text(encoding="utf-8"))


def _rank(item: tuple[str, str]) -> tuple[int, str, bool, str]:
    """Papers of the root in their order, then folder by folder, each with its README first."""
    source, place = item
    if source in PAPERS:
        return (0, "", False, f"{list(PAPERS).index(source)}")
    return (1, str(Path(place).parent), Path(place).name != "README.md", place)


def _folder(page: Page) -> str:
    return page.path.partition("/")[0] if "/" in page.path else ""


def _navigation(all_pages: Iterable[Page]) -> list[dict[str, Any]]:
    """Sections in their order; a folder inside a folder is a section of its own."""
    sections: dict[str, list[dict[str, Any]]] = {folder: [] for folder in ORDER}
    below: dict[str, list[dict[str, Any]]] = {}
    for page in all_pages:
        entry = {page.title: page.path}
        parent = str(Path(page.path).parent)
        if parent.count("/"):
            if parent not in below:
                below[parent] = []
                sections[_folder(page)].append({Path(parent).name.capitalize(): below[parent]})
            below[parent].append(entry)
        else:
            sections[_folder(page)].append(entry)
    first, *others = ORDER.items()
    return [
        *sections[first[0]][:1],
        *({heading: sections[folder]} for folder, heading in others),
        {"Project": sections[first[0]][1:]},
    ]


if __name__ == "__main__":
    main()
