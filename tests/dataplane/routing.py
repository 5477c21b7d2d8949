"""Routers, keys and calls for tests of plans."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import yaml

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.chat import Json
from llmgateway.catalog.catalog import load_catalog
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.plan.hosts import build_hosts
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.plan.targets import RoutePlan
from llmgateway.gateway_file import GatewayFile, Strategy
from llmgateway.kit.clock import ManualClock
from llmgateway.providers.registry import PROVIDERS

CATALOG = load_catalog()
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEYS = {"OPENAI_API_KEY": "o", "ANTHROPIC_API_KEY": "a", "GROQ_API_KEY": "g"}
FILE = """
models:
  smart:
    targets:
      - {provider: openai, model: gpt-4.1}
      - {provider: anthropic, model: claude-sonnet-4-5}
      - {provider: groq, model: openai/gpt-oss-20b}
"""


def alias(*targets: dict[str, Any], strategy: Strategy = "priority", **more: Any) -> str:
    """A gateway.yaml with one alias, `smart`."""
    labs = {f"lab{n}": {"type": "openai_compatible", "base_url": f"http://lab{n}/v1"} for n in range(6)}
    labs["lab5"]["api_keys"] = ["a", "b", "c"]  # pyright: ignore[reportArgumentType] -- written as YAML
    entry = {"strategy": strategy, "targets": list(targets), **more}
    return yaml.safe_dump({"providers": labs, "models": {"smart": entry}})


def lab(number: int, **more: Any) -> dict[str, Any]:
    return {"provider": f"lab{number}", "model": "m", **more}


def key(**changes: Any) -> KeySnapshot:
    org = OrgSnapshot(id="org_1", slug="acme", plan="self_hosted")
    return msgspec.structs.replace(KeySnapshot(id="key_1", name="k", org=org), **changes)


def chat(model: str = "smart", content: object = "hello", **fields: Any) -> Call:
    drop = bool(fields.pop("drop", False))
    body: Json = {"model": model, "messages": [{"role": "user", "content": content}], **fields}
    return Call(
        operation=Operation.CHAT,
        dialect=Dialect.OPENAI,
        model=model,
        stream=False,
        body=body,
        canon=body,
        wishes=Wishes(drop_unsupported=drop),
    )


class Routing:
    """A router with a health and a clock of its own."""

    def __init__(
        self, file: str = FILE, draw: Callable[[], float] = lambda: 0.5, environment: Mapping[str, str] = KEYS
    ) -> None:
        self.clock = ManualClock(NOON)
        self.health = Health(self.clock)
        parsed = GatewayFile.model_validate(yaml.safe_load(file))
        hosts = build_hosts(PROVIDERS, parsed, environment)
        self.router = Router(hosts, parsed, CATALOG, self.health, self.clock, draw)

    def plan(self, call: Call | None = None, snapshot: KeySnapshot | None = None, tokens: int = 100) -> RoutePlan:
        return self.router.plan(call or chat(), snapshot or key(), tokens)

    def names(self, call: Call | None = None, snapshot: KeySnapshot | None = None, tokens: int = 100) -> list[str]:
        """The plan's targets, by name and in order."""
        return [target.name for target in self.plan(call, snapshot, tokens).targets]


def reasons(plan: RoutePlan) -> dict[str, str]:
    """Target -> why it stands there, those passed over too."""
    return {step.target: step.why for step in plan.steps}
