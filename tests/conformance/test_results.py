"""The published results are what the suite finds."""

from docs.provider_page import providers_page
from llmgateway.canon.call import Operation
from llmgateway.providers.registry import PROVIDERS
from tests.conformance.features import FEATURES
from tests.conformance.results import FILE, found, written


def test_the_committed_results_are_fresh() -> None:
    assert FILE.read_text("utf-8") == written(found()), "run `make docs`"


def test_every_provider_that_chats_is_in_them() -> None:
    chatting = {provider.id for provider in PROVIDERS if Operation.CHAT in provider.endpoints}
    assert {entry["provider"] for entry in found() if "arrives" in entry} >= chatting


def test_the_page_tells_every_feature() -> None:
    page = providers_page()
    assert [feature.name for feature in FEATURES if f" {feature.name} |" not in page] == []
