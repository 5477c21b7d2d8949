"""`llmgateway config show` shows what is set, and nothing that is secret."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from llmgateway.settings import Settings

SECRET = re.compile(r"secret|password|token|_key$|_url$|api_key")
NOT_SECRET = {"public_url"}
CANARY = "canary0000000000000000000000000000000000"


def _show(environment: dict[str, str], *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "llmgateway", "config", "show", *options],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_secret_is_shown(tmp_path: Path) -> None:
    """Each setting whose name says that it is one, and each in gateway.yaml."""
    values = {
        "database_url": f"postgresql://u:{CANARY}@db/x",
        "database_migration_url": f"postgresql://u:{CANARY}@db/x",
        "redis_url": f"redis://:{CANARY}@cache:6379/0",
        "smtp_url": f"smtp://u:{CANARY}@mail:25",
        "bootstrap_api_key": f"lgw_live_{CANARY}",
    }
    environment = {
        str(field.alias): values.get(name, CANARY)
        for name, field in Settings.model_fields.items()
        if SECRET.search(name) and name not in NOT_SECRET
    }
    assert len(environment) >= 10
    file = tmp_path / "gateway.yaml"
    file.write_text(
        f"providers:\n  openai: {{api_key: {CANARY}}}\n  anthropic: {{api_keys: [{CANARY}, b]}}\n"
        f"  lab: {{type: openai_compatible, base_url: 'https://me:{CANARY}@lab.us.test/v1'}}\n"
    )
    shown = _show({**environment, "LLMGATEWAY_PUBLIC_URL": "https://gateway.example.com"}, "--config", str(file))
    assert CANARY not in shown
    told = json.loads(shown)
    assert told["settings"]["public_url"] == "https://gateway.example.com"
    assert told["settings"]["database_url"] == "***"
    assert told["gateway_yaml"]["providers"]["openai"]["api_key"] == "***"
    assert told["gateway_yaml"]["providers"]["lab"]["base_url"] == "https://***@lab.us.test/v1"


@pytest.mark.parametrize("name", ["port", "drain_delay", "log_requests"])
def test_what_is_no_secret_is_shown(name: str) -> None:
    alias = str(Settings.model_fields[name].alias)
    value = {"port": "8123", "drain_delay": "7.5", "log_requests": "all"}[name]
    assert str(json.loads(_show({alias: value}))["settings"][name]) == value
