"""`llmgateway config`: is it right, and what does it say."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from llmgateway.app import read_gateway_file
from llmgateway.dataplane.plan.hosts import Host
from llmgateway.gateway_file import GatewayFile
from llmgateway.settings import Settings, load_settings

app = typer.Typer(no_args_is_help=True, help="Check and show the configuration.")

_SECRET_SETTINGS = frozenset(
    {
        "database_url",
        "database_migration_url",
        "redis_url",
        "secret_key",
        "jwt_secret_key",
        "stripe_secret_key",
        "stripe_webhook_secret",
        "metrics_token",
        "smtp_url",
        "bootstrap_password",
        "bootstrap_api_key",
    }
)
PASSWORD_IN_URL = re.compile(r"(?<=://)[^\s/\"]+(?=@)")
"""Who logs in where, in addresses such as a provider's base_url."""
ConfigOption = Annotated[Path | None, typer.Option("--config", help="The gateway.yaml; default LLMGATEWAY_CONFIG.")]


@app.command()
def check(config: ConfigOption = None) -> None:
    """Check the environment and gateway.yaml, and say what is missing."""
    settings, file, hosts = _read(config)
    for name, alias in file.models.items():
        for position, target in enumerate(alias.targets):
            if hosts[target.provider].missing:
                typer.echo(f"warning: models.{name}.targets.{position}: {hosts[target.provider].missing}")
    for variable, meant in settings.misspelt().items():
        typer.echo(f"warning: {variable} is no setting. Is {meant} meant?")
    usable = [name for name, host in hosts.items() if not host.missing]
    typer.echo(f"The configuration is right. Providers with a credential: {', '.join(usable)}.")


@app.command()
def show(config: ConfigOption = None) -> None:
    """Print the settings and the file as JSON, secrets struck out."""
    settings, file, _ = _read(config)
    shown: dict[str, Any] = settings.model_dump(mode="json")
    for name in _SECRET_SETTINGS:
        if shown.get(name):
            shown[name] = "***"
    told = json.dumps({"settings": shown, "gateway_yaml": _redacted(file)}, indent=2)
    typer.echo(PASSWORD_IN_URL.sub("***", told))


def _read(config: Path | None) -> tuple[Settings, GatewayFile, Mapping[str, Host]]:
    settings = load_settings(os.environ, config)
    return settings, *read_gateway_file(settings)


def _redacted(file: GatewayFile) -> dict[str, Any]:
    shown: dict[str, Any] = file.model_dump(mode="json", exclude_none=True)
    for name, entry in file.providers.items():
        for secret in ("api_key", "api_keys", *entry.secrets):
            if shown["providers"][name].get(secret):
                shown["providers"][name][secret] = "***"
    return shown
