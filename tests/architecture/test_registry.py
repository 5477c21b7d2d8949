"""The registry knows every provider that is declared."""

import importlib
import pkgutil

import llmgateway.providers
from llmgateway.providers import registry
from llmgateway.providers.base import Provider
from llmgateway.providers.registry import PROVIDERS


def test_every_declared_provider_is_registered() -> None:
    declared: dict[int, Provider] = {}
    for found in pkgutil.walk_packages(llmgateway.providers.__path__, "llmgateway.providers."):
        if found.name != registry.__name__:
            names = vars(importlib.import_module(found.name)).values()
            declared |= {id(value): value for value in names if isinstance(value, Provider)}
    assert sorted(provider.id for provider in declared.values()) == sorted(provider.id for provider in PROVIDERS)


def test_provider_ids_are_unique() -> None:
    assert len({provider.id for provider in PROVIDERS}) == len(PROVIDERS)
