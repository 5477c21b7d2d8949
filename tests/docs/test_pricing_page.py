"""The examples of docs/reference/pricing.md give what the page says."""

import doctest

from tests.architecture.source import ROOT


def test_the_examples_are_true() -> None:
    page = ROOT / "docs" / "reference" / "pricing.md"
    result = doctest.testfile(str(page), module_relative=False)
    assert (result.failed, result.attempted > 15) == (0, True)
