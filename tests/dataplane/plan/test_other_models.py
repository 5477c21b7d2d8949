"""A call may name further models: a key that may not use them may not by way of another either."""

from typing import Any

import msgspec
import pytest

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.contract.snapshot import OrgSnapshot, Policy
from llmgateway.dataplane.dialects.anthropic.dialect import AnthropicDialect
from llmgateway.dataplane.dialects.responses.dialect import ResponsesDialect
from llmgateway.errors import Forbidden
from tests.dataplane.routing import KEYS, Routing, chat, key

SMALL, DEAR = "claude-haiku-4-5", "claude-opus-4-1"
NANO, LARGE = "openai/gpt-4.1-nano", "openai/gpt-4.1"
ADVISOR = {"type": "advisor_20260301", "name": "advisor", "model": DEAR}
ROUTING = Routing(environment={**KEYS, "OPENROUTER_API_KEY": "r"})


def messages(**fields: Any) -> Call:
    body = {"model": f"anthropic/{SMALL}", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields}
    return AnthropicDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes())


def responses(**fields: Any) -> Call:
    body = {"model": f"openrouter/{NANO}", "input": "hi", "store": False, **fields}
    return ResponsesDialect().read(Operation.CHAT, msgspec.json.encode(body), Wishes())


OTHERS = [
    (messages(tools=[ADVISOR]), DEAR),
    (messages(fallbacks=[{"model": DEAR}]), DEAR),
    (chat(f"openrouter/{NANO}", models=[NANO, LARGE]), LARGE),
    (chat(f"openrouter/{NANO}", tools=[{"type": "openrouter:advisor", "parameters": {"model": LARGE}}]), LARGE),
    (responses(models=[LARGE]), LARGE),
]


@pytest.mark.parametrize(("call", "other"), OTHERS)
def test_another_model_is_refused_by_its_name_where_the_key_may_not_use_it(call: Call, other: str) -> None:
    one = frozenset({call.model})
    org = OrgSnapshot(id="org_1", slug="acme", plan="free", policy=Policy(allowed_models=one))
    for limited in (key(models=one), key(org=org)):
        with pytest.raises(Forbidden, match=f"the model '{other}'") as refused:
            ROUTING.plan(call, limited)
        assert refused.value.code == "model_not_allowed"


@pytest.mark.parametrize(("call", "other"), OTHERS)
def test_another_model_is_asked_where_the_key_may_use_it(call: Call, other: str) -> None:
    assert ROUTING.plan(call, key(models=frozenset({call.model, other}))).targets
    assert ROUTING.plan(call, key()).targets
