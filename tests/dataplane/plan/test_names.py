"""Names of models: where each leads, and what is remembered of it."""

import tracemalloc

import msgspec
import pytest

from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.errors import NotFound
from llmgateway.gateway_file import AliasEntry
from tests.dataplane.routing import Routing, alias, chat, key, lab

GPT, CLAUDE, OSS = "openai/gpt-4.1", "anthropic/claude-sonnet-4-5", "groq/openai/gpt-oss-20b"


def test_a_providers_own_name_works_also_where_the_catalogue_does_not_know_it() -> None:
    assert Routing().names(chat("openai/never-heard-of")) == ["openai/never-heard-of"]


@pytest.mark.parametrize(
    ("name", "hint"), [("nobody", "provider/model"), ("groq/", "after the slash"), ("mistral/x", "MISTRAL_API_KEY")]
)
def test_a_name_that_leads_nowhere_says_what_would_help(name: str, hint: str) -> None:
    with pytest.raises(NotFound, match=hint):
        Routing().plan(chat(name))


def test_the_first_declared_target_is_what_was_asked_for_whoever_may_or_can_serve() -> None:
    assert Routing().plan(snapshot=key(providers=frozenset({"groq"}))).asked.name == GPT
    assert Routing().plan(chat(logit_bias={"1": 1.0})).asked.name == GPT
    cheapest = Routing(
        alias({"provider": "openai", "model": "gpt-4.1"}, lab(0, price={"input": "0"}), strategy="cheapest")
    )
    assert cheapest.names()[0] == "lab0/m"
    assert cheapest.plan().asked.name == GPT


# What is remembered


def test_an_organisation_that_changed_its_route_gets_the_new_one_at_once() -> None:
    routing, own = Routing(), key().org

    def routed(model: str) -> KeySnapshot:
        entry = AliasEntry.model_validate({"targets": [{"provider": "openai", "model": model}]})
        return key(org=msgspec.structs.replace(own, routes={"smart": entry}))

    before, after = routed("gpt-4.1"), routed("gpt-4.1-mini")
    assert [routing.names(snapshot=one) for one in (before, after, before, key())] == [
        [GPT],
        ["openai/gpt-4.1-mini"],
        [GPT],
        [GPT, CLAUDE, OSS],
    ]


def test_what_callers_name_does_not_fill_the_memory() -> None:
    """Names are theirs to choose, and as long as they like."""
    routing, snapshot = Routing(), key()
    tracemalloc.start()
    try:
        for number in range(10_000):
            routing.router.resolve(f"openai/{number}", snapshot.org)
        for number in range(200):
            routing.router.resolve(f"openai/{number}{'x' * 1_000_000}", snapshot.org)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 20_000_000
