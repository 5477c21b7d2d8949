"""The examples of docs/guides/providers.md: each file is right, and makes its providers ready."""

import json
import re
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from llmgateway.cli import cli
from tests.architecture.source import ROOT
from tests.conformance.harness import service_account

PAGE = (ROOT / "docs" / "guides" / "providers.md").read_text("utf-8")
FILES: list[str] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_has_examples() -> None:
    assert len(FILES) == 7


@pytest.mark.parametrize("content", FILES, ids=range(len(FILES)))
def test_an_example_makes_its_providers_ready(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in re.findall(r"\$\{(\w+)\}", content):
        monkeypatch.setenv(name, "k")
    file = tmp_path / "gateway.yaml"
    file.write_text(content.replace("/run/secrets/vertex.json", str(service_account(tmp_path, 9))), "utf-8")
    checked = CliRunner().invoke(cli, ["config", "check", "--config", str(file)])
    assert checked.exit_code == 0, checked.output
    listed = CliRunner().invoke(cli, ["providers", "list", "--json", "--config", str(file)])
    rows = {row["id"]: row for row in json.loads(listed.output)}
    for name in yaml.safe_load(content)["providers"]:
        assert rows[name]["ready"], rows[name]["missing"]
        assert "{" not in rows[name]["base_url"].replace("{location}", "")
