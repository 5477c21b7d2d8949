"""How a request would be routed, without sending it."""

from dataclasses import dataclass
from typing import Any

from llmgateway.canon.call import Call
from llmgateway.catalog.catalog import Catalog
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.plan.fitness import Demand, demand, room
from llmgateway.dataplane.plan.ordering import estimate
from llmgateway.dataplane.plan.router import Router
from llmgateway.dataplane.plan.targets import RoutePlan
from llmgateway.errors import BadRequest
from llmgateway.kit.clock import Clock
from llmgateway.kit.money import usd_or_none

_UNKNOWN_HEALTH = "unknown here"
"""Circuits live in the memory of each serving process."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a plan is made with."""

    router: Router
    catalog: Catalog
    tokenizer: Tokenizer
    clock: Clock

    def explained(self, call: Call, key: KeySnapshot) -> dict[str, Any]:
        """The plan as JSON, with a reason for every target. Raises Problem when there is none."""
        if key.revoked or key.org.suspended:
            raise BadRequest(
                "The key is revoked, or its organisation suspended: it is refused before any plan is made."
            )
        prompt_tokens = self.tokenizer.count_prompt(call.canon, call.model)
        plan = self.router.plan(call, key, prompt_tokens)
        needed = demand(call, prompt_tokens)
        alias = self.router.alias(call.model, key.org)
        return {
            "model": call.model,
            "strategy": alias.strategy if alias else None,
            "prompt_tokens": prompt_tokens,
            "max_output_tokens": needed.max_output,
            "needs": sorted(needed.abilities),
            "plan": self._targets(call, plan, needed),
            "passed_over": [{"target": step.target, "why": step.why} for step in plan.steps if step.passed_over],
        }

    def _targets(self, call: Call, plan: RoutePlan, needed: Demand) -> list[dict[str, Any]]:
        """Each target in its place: the steps that were not passed over stand in the targets' order."""
        reasons = [step.why for step in plan.steps if not step.passed_over]
        return [
            {
                "target": target.name,
                "credential": target.credential.id,
                "why": why,
                "expected_cost_usd": usd_or_none(estimate(target, needed, self.catalog, self.clock.now())),
                "context_tokens": room(target, self.catalog),
                "dropped": sorted(set(map(call.in_body, target.dropped))),
                "retries": target.retries,
                "first_token_seconds": target.timeouts.first_token,
                "health": _UNKNOWN_HEALTH,
            }
            for target, why in zip(plan.targets, reasons, strict=True)
        ]
