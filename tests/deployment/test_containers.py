"""The image and the compose files: right by their schemas and linters, and of one mind with each other and the code."""

import asyncio
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import make_url, text
from typer.testing import CliRunner

from llmgateway.cli import cli
from llmgateway.db.opening import migrate
from llmgateway.db.postgres_binaries import find_binaries
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.settings import Settings
from tests.architecture.source import ROOT
from tests.fixtures_database import run_sql, url_of

BIN = Path(sys.executable).parent
COMPOSE = [ROOT / "docker-compose.yml", ROOT / "docker-compose.prod.yml"]
PRODUCTION = COMPOSE[1]
DASHBOARD = ROOT / "dashboard"
OUTPUT = re.findall(r'outDir: "(.+?)"', (DASHBOARD / "vite.config.ts").read_text("utf-8"))[0]
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"
Json = dict[str, Any]


def _run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def _services(file: Path) -> Json:
    """Anchors resolved."""
    found: Json = yaml.safe_load(file.read_text("utf-8"))["services"]
    return found


def test_the_dockerfile_is_right_by_its_linter() -> None:
    done = _run(BIN / "hadolint", DOCKERFILE)
    assert done.returncode == 0, done.stdout


def test_the_image_is_small_hardened_and_watched() -> None:
    stages = re.split(r"^FROM ", DOCKERFILE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    assert len(stages) == 3
    dashboard, build, last = stages
    assert "npm ci" in dashboard
    assert "--require-hashes" in build
    made = f"/src/{(DASHBOARD / OUTPUT).resolve().relative_to(ROOT)}"
    assert f"COPY --from=dashboard {made} ./{made.removeprefix('/src/')}" in build, "what people look at is inside"
    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert "HEALTHCHECK" in last
    assert "/healthz" in last
    assert "STOPSIGNAL SIGTERM" in last
    assert "pip install" not in last
    assert "npm" not in last


def test_what_the_image_copies_is_in_its_context() -> None:
    """.dockerignore lets in what is named, and nothing else."""
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied = {
        word.partition("/")[0]
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text("utf-8"), re.MULTILINE)
        for word in line.split()
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_a_compose_file_fits_the_specification(file: Path) -> None:
    done = _run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_production_is_hardened() -> None:
    """Images are pinned by version, for whoever runs them to pin by digest; CPU is shared by weight, not cut off."""
    done = _run(BIN / "compose-lint", "--format", "json", PRODUCTION)
    findings: list[Json] = json.loads(done.stdout)["findings"]
    serious = {(one["rule_id"], one["service"]) for one in findings} - {
        ("CL-0005", "proxy")
    }  # open to the world: it is
    assert {rule for rule, _ in serious} <= {"CL-0019", "CL-0026"}


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_every_command_is_one_that_llmgateway_has(file: Path) -> None:
    ours = {name: one for name, one in _services(file).items() if "llmgateway" in one["image"]}
    assert ours
    for name, service in ours.items():
        done = CliRunner().invoke(cli, [*service["command"], "--help"])
        assert done.exit_code == 0, f"{name}: {done.output}"


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_every_variable_is_a_setting(file: Path) -> None:
    known = {field.alias for field in Settings.model_fields.values()}
    for name, service in _services(file).items():
        if "llmgateway" in service["image"]:
            variables = {variable.removesuffix("_FILE") for variable in service["environment"]}
            assert {one for one in variables if not one.endswith("_API_KEY")} <= known, name


@pytest.mark.parametrize("file", COMPOSE, ids=lambda file: file.name)
def test_files_that_are_mounted_are_there(file: Path) -> None:
    mounts = [
        mount.partition(":")[0]
        for service in _services(file).values()
        for mount in service.get("volumes", [])
        if mount.startswith("./")
    ]
    assert mounts
    assert [mount for mount in mounts if not (ROOT / mount).exists()] == []


def test_production_has_a_journal_for_each_replica_and_time_to_drain() -> None:
    replicas = {name: one for name, one in _services(PRODUCTION).items() if name.startswith("data-")}
    assert len(replicas) >= 2
    journals = [volume for one in replicas.values() for volume in one["volumes"] if not volume.startswith("./")]
    assert len(set(journals)) == len(replicas)
    assert {volume.partition(":")[2] for volume in journals} == {"/var/lib/llmgateway"}
    settings = Settings.model_validate({})
    for one in replicas.values():
        assert int(one["stop_grace_period"].removesuffix("s")) > settings.drain_delay + settings.drain_timeout
    proxied = re.search(r"reverse_proxy (.+) \{", (ROOT / "deploy/docker/Caddyfile").read_text("utf-8"))
    assert proxied is not None
    assert {target.partition(":")[0] for target in proxied[1].split()} == set(replicas)
    scraped: Json = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text("utf-8"))
    targets = scraped["scrape_configs"][0]["static_configs"][0]["targets"]
    assert {target.partition(":")[0] for target in targets} == {*replicas, "control"}


def test_only_the_migration_has_the_administrators_password() -> None:
    has = {name for name, one in _services(PRODUCTION).items() if "database_migration_url" in one.get("secrets", [])}
    assert has == {"migrate"}
    for name, service in _services(PRODUCTION).items():
        files = [str(value) for value in service.get("environment", {}).values() if "/run/secrets/" in str(value)]
        assert {file.removeprefix("/run/secrets/") for file in files} <= set(service.get("secrets", [])), name


async def test_the_login_of_production_owns_nothing_and_the_gateway_starts_with_it(
    empty_url: str, tmp_path: Path
) -> None:
    (tmp_path / "password").write_text("it's secret", "utf-8")
    there = make_url(empty_url)
    environment = {
        "PATH": f"{find_binaries().folder / 'bin'}:{os.environ['PATH']}",
        "PGHOST": str(there.query["host"]),
        "PGPORT": str(there.query["port"]),
        "POSTGRES_USER": str(there.username),
        "POSTGRES_DB": str(there.database),
        "DATABASE_LOGIN": "owns_nothing",
        "DATABASE_PASSWORD_FILE": str(tmp_path / "password"),
    }
    try:
        done = await asyncio.to_thread(_run, "sh", ROOT / "deploy/postgresql/login.sh", **environment)
        assert done.returncode == 0, done.stderr
        login = url_of(empty_url, database=str(there.database), user="owns_nothing")
        await asyncio.to_thread(migrate, empty_url, login)
        admin = Database(login, Role.ADMIN)
        async with admin.transaction() as tx:
            owned = (
                "SELECT count(*) FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner WHERE rolname = 'owns_nothing'"
            )
            assert await tx.scalar(text(owned)) == 0
            assert (
                await tx.scalar(text("SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = 'owns_nothing'"))
                is False
            )
            await tx.execute(text("SELECT * FROM organisations"))
        await admin.close()
    finally:
        await run_sql(empty_url, "DROP ROLE IF EXISTS owns_nothing")


def test_the_gateways_file_is_right() -> None:
    done = _run(BIN / "llmgateway", "config", "check", "--config", ROOT / "deploy/docker/gateway.yaml")
    assert done.returncode == 0, done.stderr


def test_stores_are_reached_from_inside_only() -> None:
    whole: Json = yaml.safe_load(PRODUCTION.read_text("utf-8"))
    for name in ("postgresql", "valkey"):
        service = whole["services"][name]
        assert "ports" not in service
        assert all(whole["networks"][network].get("internal") for network in service["networks"]), name


@pytest.mark.skipif(
    shutil.which("caddy") is None, reason="NOT TRIED: caddy is not installed (make packages): its configuration"
)
def test_the_proxys_configuration_is_valid() -> None:
    caddyfile = ROOT / "deploy" / "docker" / "Caddyfile"
    names = {"LLMGATEWAY_DOMAIN": "gateway.example.com", "LLMGATEWAY_TLS_EMAIL": "ops@example.com"}
    done = _run("caddy", "validate", "--config", caddyfile, "--adapter", "caddyfile", **names)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("sh") is None, reason="NOT TRIED: there is no sh")
def test_secrets_are_made_once_and_are_all_that_production_reads(tmp_path: Path) -> None:
    script = ROOT / "deploy" / "docker" / "secrets.sh"
    for _ in range(2):
        done = _run("sh", script, tmp_path / "secrets")
        assert done.returncode == 0, done.stderr
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700, "no other user of the machine gets in"
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()}
    assert modes == {0o644}, "their owner fills them in, and containers read them as users of their own"
    made = {file.name: file.read_text("utf-8") for file in (tmp_path / "secrets").iterdir()}
    first = dict(made)
    _run("sh", script, tmp_path / "secrets")
    assert {file.name: file.read_text("utf-8") for file in (tmp_path / "secrets").iterdir()} == first
    whole: Json = yaml.safe_load(PRODUCTION.read_text("utf-8"))
    assert set(made) == set(whole["secrets"])
    assert len(made["secret_key"]) == 64
    assert made["database_password"] in made["database_url"]
    assert made["postgresql_password"] in made["database_migration_url"]
    assert made["redis_password"] in made["redis_url"]
