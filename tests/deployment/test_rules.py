"""Alerts: they are well formed, each is tried by figures that raise it, and each leads to a page that helps."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from llmgateway.controlplane.figures import FIGURES as CONTROL_FIGURES
from llmgateway.dataplane.observe.figures import FIGURES
from tests.architecture.source import ROOT

PROMETHEUS = ROOT / "deploy" / "prometheus"
RULES = sorted((PROMETHEUS / "rules").glob("*.yml"))
CASES = sorted((PROMETHEUS / "tests").glob("*.yml"))
Json = dict[str, Any]

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="NOT TRIED: promtool is not installed (Debian's prometheus; make packages)"
)


def _alerts() -> list[Json]:
    groups = [group for file in RULES for group in yaml.safe_load(file.read_text("utf-8"))["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def _promtool(*arguments: str) -> str:
    done = subprocess.run(["promtool", *arguments], cwd=PROMETHEUS, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_promtool
def test_the_rules_are_well_formed() -> None:
    assert "SUCCESS" in _promtool("check", "rules", *map(str, RULES))


@needs_promtool
def test_the_configuration_is_well_formed() -> None:
    _promtool("check", "config", "--syntax-only", "prometheus.yml")


@needs_promtool
@pytest.mark.timeout(600)
@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_figures_that_deserve_it_raise_each_alert_and_healthy_ones_none(file: Path) -> None:
    assert "SUCCESS" in _promtool("test", "rules", f"tests/{file.name}")  # one by one: it mixes their intervals up


def test_every_alert_is_tried() -> None:
    files: list[Json] = [yaml.safe_load(file.read_text("utf-8")) for file in CASES]
    cases = [case for file in files for test in file["tests"] for case in test["alert_rule_test"]]
    names = {alert["alert"] for alert in _alerts()}
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"] and case["eval_time"] != "0m"} == names


@pytest.mark.parametrize("alert", _alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_urgent_it_is_and_leads_to_its_page(alert: Json) -> None:
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert alert["annotations"]["summary"]
    page = ROOT / alert["annotations"]["runbook_url"]
    text = page.read_text("utf-8")
    assert f"`{alert['alert']}`" in text
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["What it means", "What to look at", "What to do"]
    assert f"({page.name})" in (page.parent / "README.md").read_text("utf-8")


def test_every_page_belongs_to_an_alert() -> None:
    pages = {f"docs/operate/alerts/{page.name}" for page in (ROOT / "docs/operate/alerts").glob("*.md")}
    linked = {alert["annotations"]["runbook_url"] for alert in _alerts()}
    assert pages - linked == {"docs/operate/alerts/README.md"}


def test_rules_and_dashboards_name_only_figures_that_exist() -> None:
    known = {figure.name for figure in (*FIGURES, *CONTROL_FIGURES)}
    files = [*RULES, *(ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")]
    for file in files:
        for name in re.findall(r"\bllmgateway_[a-z_]+", file.read_text("utf-8")):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in known, f"{file.name}: {name}"
