"""The AWS configuration: formatted, whole in its references, closed where it must be, and of one mind with the code."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import hcl2
import pytest

from llmgateway.settings import Settings
from tests.architecture.source import ROOT

AWS = ROOT / "deploy" / "aws"
FILES = sorted(AWS.glob("*.tf"))
TEXT = "\n".join(file.read_text("utf-8") for file in FILES)
Json = dict[str, Any]


def _blocks(kind: str) -> list[str]:
    """`type.name` of every resource or data source, the name of every variable."""
    found = list[str]()
    for file in FILES:
        # It also says whether the file can be read at all; its types are bare dictionaries.
        whole = cast("Json", hcl2.loads(file.read_text("utf-8")))  # pyright: ignore[reportUnknownMemberType]
        for block in whole.get(kind, []):
            names = [name.strip('"') for name in block if not name.startswith("__")]
            for name in names:
                inner = block.get(name) or block[f'"{name}"']
                below = [word.strip('"') for word in inner if not word.startswith("__")]
                found += [name] if kind in {"variable", "output"} else [f"{name}.{one}" for one in below]
    return found


@pytest.mark.skipif(shutil.which("terraform") is None, reason="NOT TRIED: terraform is not installed: its format")
def test_the_files_are_formatted() -> None:
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", str(AWS)],
        env={**os.environ, "TF_CLI_CONFIG_FILE": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_declared_and_used() -> None:
    assert sorted(set(re.findall(r"\bvar\.(\w+)", TEXT))) == sorted(_blocks("variable"))


def test_every_reference_leads_to_a_resource() -> None:
    declared = set(_blocks("resource"))
    assert len(declared) > 30
    code = re.sub(r"#.*", "", TEXT)
    used = set(re.findall(r"(?<![\w.\"])((?:aws|random)_\w+\.\w+)", code))
    assert used - declared == set()
    sources = set(re.findall(r"\bdata\.(aws_\w+\.\w+)", code))
    assert sources == set(_blocks("data"))


def test_stores_are_private_encrypted_and_kept() -> None:
    for wanted in (
        "publicly_accessible          = false",
        "storage_encrypted            = true",
        "multi_az                     = true",
        "deletion_protection          = true",
        "at_rest_encryption_enabled = true",
        "transit_encryption_enabled = true",
        "readonlyRootFilesystem = true",
    ):
        assert wanted in TEXT, wanted
    assert TEXT.count('cidr_ipv4         = "0.0.0.0/0"') == 2, "the balancer's door, and the way out to providers"


def test_every_command_is_one_that_llmgateway_has() -> None:
    commands = re.findall(r"command = (\[[^\]]*\])", TEXT)
    assert len(commands) == 4
    for command in commands:
        words = re.findall(r'"([^"]+)"', command)
        done = subprocess.run(
            [str(Path(sys.executable).with_name("llmgateway")), *words, "--help"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_every_variable_of_the_processes_is_a_setting() -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    named = set(re.findall(r'"((?:LLMGATEWAY|DATABASE|REDIS|JWT)_\w+)"', TEXT))
    assert len(named) >= 7
    assert named <= known


def test_the_balancer_waits_longer_than_the_gateway_drains() -> None:
    settings = Settings.model_validate({})
    stop, deregistration = (
        int(re.findall(rf"\b{name}\s+= (\d+)", TEXT)[0]) for name in ("stopTimeout", "deregistration_delay")
    )
    assert stop > settings.drain_delay + settings.drain_timeout
    assert deregistration > settings.drain_delay + settings.drain_timeout
    assert 'path                = "/readyz"' in TEXT


def test_services_can_wait_for_the_schema_and_a_collector_reaches_them() -> None:
    assert re.search(r"desired_count\s+= var\.migrated \? each\.value\.count : 0", TEXT)
    collector = re.findall(r'"collector" \{(.+?)\n\}', TEXT, re.DOTALL)[0]
    assert len(re.findall(r"aws_security_group\.gateway\.id", collector)) == 2
