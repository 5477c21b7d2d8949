"""The commands of docs/concepts/routing.md print what the page says."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from llmgateway.cli import cli
from tests.architecture.source import ROOT

PAGE = (ROOT / "docs" / "concepts" / "routing.md").read_text("utf-8")
BLOCKS: list[tuple[str, str]] = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
BIASED = '{"messages": [{"role": "user", "content": "Hello"}], "logit_bias": {"50256": -100}}'


def commands() -> list[tuple[str, str, str]]:
    """(the command, what it prints, the gateway.yaml before it)."""
    found, file = list[tuple[str, str, str]](), ""
    for kind, content in BLOCKS:
        if kind == "yaml":
            file = content
        elif kind == "console":
            command, _, output = content.removeprefix("$ ").partition("\n")
            found.append((command, output, file))
    return found


def test_the_page_has_examples() -> None:
    assert len(commands()) == 4


@pytest.mark.parametrize(("command", "output", "file"), commands(), ids=range(len(commands())))
def test_the_examples_are_true(
    command: str, output: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY"):
        monkeypatch.setenv(name, "k")
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(file, "utf-8")
    Path("bias.json").write_text(BIASED, "utf-8")
    Path("body.json").write_text(next(content for kind, content in BLOCKS if kind == "json"), "utf-8")
    done = CliRunner().invoke(cli, [*shlex.split(command)[1:], "--config", "gateway.yaml"])
    assert done.output == output


def test_every_example_of_a_gateway_file_is_valid(tmp_path: Path) -> None:
    for number, content in enumerate(content for kind, content in BLOCKS if kind == "yaml"):
        file = tmp_path / f"{number}.yaml"
        file.write_text(content, "utf-8")
        done = CliRunner().invoke(cli, ["config", "check", "--config", str(file)])
        assert done.exit_code == 0, done.output
