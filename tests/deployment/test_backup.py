"""A backup is only one when it was restored: into another server, from which the same key is served and every event is there."""

import json
import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import make_url

from deploy.local.topology import Topology, topology
from llmgateway.db.embedded import embedded_postgres
from llmgateway.db.postgres_binaries import find_binaries
from llmgateway.db.roles import Role
from tests.architecture.source import ROOT
from tests.fixtures_database import run_sql, url_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin") is None,
        reason="NOT TRIED: nginx is not installed (make packages)",
    ),
]
SCRIPTS = ROOT / "deploy" / "postgresql"
BACKUP_USER = "gateway_backup"


def _script(name: str, file: Path, url: str) -> subprocess.CompletedProcess[str]:
    programs = find_binaries().folder / "bin"
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "DATABASE_URL": url}
    return subprocess.run(
        ["sh", str(SCRIPTS / name), str(file)], env=environment, capture_output=True, text=True, check=False
    )


def _ask(there: Topology, count: int) -> set[str]:
    ids = set[str]()
    for _ in range(count):
        answer = httpx2.post(
            f"{there.url}/v1/chat/completions",
            json={"model": "sandbox/chat", "messages": [{"role": "user", "content": "Hello"}]},
            headers={"authorization": f"Bearer {there.key}"},
            timeout=20,
        )
        assert answer.status_code == 200
        ids.add(answer.headers["x-request-id"])
    return ids


@contextmanager
def _another_server(folder: Path) -> Generator[str]:
    with embedded_postgres(folder, serving=True) as url:
        yield url


async def _make_backup_user(url: str) -> None:
    """As docs/operate/backup.md says: no superuser."""
    await run_sql(url, f"CREATE ROLE {BACKUP_USER} LOGIN BYPASSRLS", f"GRANT pg_read_all_data TO {BACKUP_USER}")


async def test_a_backup_restored_elsewhere_serves_the_same_keys_and_has_every_event(tmp_path: Path) -> None:
    dump = tmp_path / "gateway.dump"
    os.chmod(tmp_path, 0o755)  # noqa: PTH101 -- a blocking call of pathlib is refused in async tests
    with topology(tmp_path) as there:
        ids = _ask(there, 12)
        for name in there.replicas:
            there.stop(name)
        await _make_backup_user(there.database_url)
        database = make_url(there.database_url).database or ""
        done = _script("backup.sh", dump, url_of(there.database_url, database=database, user=BACKUP_USER))
        assert done.returncode == 0, done.stderr
        await run_sql(there.database_url, "DELETE FROM usage_events")  # from here on only the dump has them

        with _another_server(tmp_path / "elsewhere") as other:
            await run_sql(other, "CREATE DATABASE restored")
            fresh = url_of(other, database="restored", user=make_url(other).username or "")
            done = _script("restore.sh", dump, fresh)
            assert done.returncode == 0, done.stderr
            again = _script("restore.sh", dump, fresh)
            assert again.returncode == 1
            assert "empty" in again.stderr

            there.environment = {**there.environment, "DATABASE_URL": fresh}
            there.command("migrate")
            for name in there.replicas:
                there.start(name)
            ids |= _ask(there, 3)
            for name in there.replicas:
                there.stop(name)
            events = json.loads(there.command("usage", "list", "--json"))
    assert {event["id"] for event in events} == ids


def test_a_backup_that_fails_leaves_nothing(tmp_path: Path) -> None:
    dump = tmp_path / "gateway.dump"
    done = _script("backup.sh", dump, "postgresql://nobody@127.0.0.1:9/nothing")
    assert done.returncode != 0
    assert list(tmp_path.iterdir()) == []


def test_the_script_makes_every_role() -> None:
    text = (SCRIPTS / "restore.sh").read_text("utf-8")
    (line,) = [line for line in text.splitlines() if line.startswith("for role in ")]
    assert {f"llmgateway_{name}" for name in line.removeprefix("for role in ").partition(";")[0].split()} == set(Role)
