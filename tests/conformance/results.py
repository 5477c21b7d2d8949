"""What the suite finds, as data: docs/reference/conformance.json, of which docs/reference/providers.md is made.

`python -m tests.conformance.results` writes it; a test compares it with what the suite finds now.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.canon.chat import Json
from tests.conformance.features import ARRIVES, FEATURES, REFUSED, outcome
from tests.conformance.recorded import exchanges
from tests.conformance.targets import TARGETS, Target

FILE: Final = Path(__file__).parents[2] / "docs" / "reference" / "conformance.json"
_ANSWERS: Final = {
    "reasoning tokens": "reasoned",
    "cached tokens": "cached",
    "content filter": "content_filter",
    "ids of calls": "ids",
}
"""Parts of an answer that some wires have no words for."""


def found() -> list[Json]:
    """One entry a target, in the registry's order. Fails where a feature is lost."""
    counted = Counter(one.target.name for one in exchanges())
    known = {} if counted else {entry["name"]: entry.get("recorded", 0) for entry in committed()}
    return [_entry(target, counted[target.name] or known.get(target.name, 0)) for target in TARGETS]


def committed() -> list[Json]:
    """What the file says; nothing where it does not exist yet."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else []


def written(entries: list[Json]) -> str:
    """The file's text, a line an entry."""
    return "[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries) + "\n]\n"


def _entry(target: Target, recorded: int) -> Json:
    entry: Json = {"name": target.name, "provider": target.host.id, "title": target.provider.title}
    if Operation.CHAT in target.provider.endpoints:
        became = {feature.name: outcome(target, feature) for feature in FEATURES}
        entry["arrives"] = [name for name, result in became.items() if result == ARRIVES]
        entry["refused"] = [name for name, result in became.items() if result == REFUSED]
        entry["unsaid"] = [name for name, word in _ANSWERS.items() if word in target.wire.lacks]
        entry["recorded"] = recorded
    return entry


if __name__ == "__main__":
    FILE.write_text(written(found()), "utf-8")
