"""docs/reference/providers.md: what the providers declare, and what the conformance suite found (conformance.json)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from docs.tables import NOTICE, table
from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.providers.base import Provider
from llmgateway.providers.registry import PROVIDERS

RESULTS: Final = Path(__file__).parent / "reference" / "conformance.json"
_GROUPS: Final[Mapping[str, Sequence[str]]] = {
    "Sampling and limits": (
        "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "stop", "several stop sequences", "seed",
        "presence_penalty", "frequency_penalty", "n", "logprobs", "logit_bias",
    ),
    "Tools, forms and thinking": (
        "tools", "strict tools", "one tool at a time", "tool_choice required", "tool_choice by name", "tool results",
        "images in tool results", "json_schema", "json_object", "reasoning_effort",
    ),
    "Content": (
        "text", "system messages", "developer messages", "images", "images by address", "PDF files", "sound",
    ),
    "Labels and settings": (
        "service_tier", "user", "metadata", "store", "verbosity", "prediction", "web_search_options",
    ),
}  # fmt: skip


def providers_page() -> str:
    """The whole page."""
    operations = list(Operation)
    results: list[dict[str, Any]] = json.loads(RESULTS.read_text("utf-8"))
    chatting = [entry for entry in results if "arrives" in entry]
    return "\n".join(
        [
            "# Providers",
            NOTICE,
            "",
            "Models are asked for as `provider/model`. Any other server that speaks OpenAI's language is a few lines of",
            "gateway.yaml with `type: openai_compatible`. *Owns*: the dialects whose bodies and bytes pass untouched.",
            "",
            *table(
                ("provider", "id", "credential and settings", *(operation.value for operation in operations), "owns"),
                [_row(provider, operations) for provider in PROVIDERS],
            ),
            "",
            "## What a chat can ask",
            "",
            "What a provider cannot honour is passed over when another target can, else refused by name; it is never",
            "dropped in silence. `yes`: the conformance suite (`tests/conformance`) saw it arrive in the provider's own words;",
            "`refused`: it is refused by its name, or left out and told with `x-llmgateway-unsupported: drop`; `user` and",
            "`metadata`, which change no answer, are always left out and told where they are unknown. A compatible",
            "provider gets what OpenAI would get, and whether a model of it can do it is the model's matter. For Gemini, Vertex",
            "AI, Bedrock, Cohere and Claude the tables hold for the models that can; older ones refuse more.",
            *(line for title, names in _GROUPS.items() for line in _group(title, names, chatting)),
            "",
            "## What an answer can say",
            "",
            "Text, reasoning, parallel calls with streamed arguments, finish reasons, usage and failures of each kind are read",
            "from every provider's wire, whole and from streams cut at every byte. Some wires have no words for some of it.",
            "*Recorded*: exchanges of the real provider that are replayed in the tests.",
            "",
            *table(
                ("provider", "not said there", "recorded"),
                [(entry["title"], ", ".join(entry["unsaid"]), str(entry["recorded"] or "")) for entry in chatting],
            ),
            "",
            "## What to know",
            *(line for provider in PROVIDERS for line in _quirks(provider)),
            "",
        ]
    )


def credential_variables(provider: Provider) -> Mapping[str, tuple[str, ...]]:
    """Secret or setting -> the environment variables that hold it."""
    key = {"api_key": (f"{provider.id.upper()}_API_KEY",)} if "api_key" in provider.credential else {}
    return {**key, **provider.env}


def _row(provider: Provider, operations: Sequence[Operation]) -> Sequence[str]:
    languages = (provider, provider.language("claude"))
    return (
        f"[{provider.title}]({provider.docs})",
        f"`{provider.id}`",
        _credentials(provider),
        *("yes" if any(operation in one.endpoints for one in languages) else "" for operation in operations),
        ", ".join(dialect.value for dialect in Dialect if any(_owns(one, dialect) for one in languages)),
    )


def _owns(provider: Provider, dialect: Dialect) -> bool:
    call = Call(operation=Operation.CHAT, dialect=dialect, model="m", stream=False, body={}, canon={})
    return Operation.CHAT in provider.endpoints and provider.speaks(call)


def _group(title: str, names: Sequence[str], results: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [(entry["title"], *(_word(entry, name) for name in names)) for entry in results]
    return ["", f"### {title}", "", *table(("provider", *names), rows)]


def _word(entry: Mapping[str, Any], name: str) -> str:
    return "yes" if name in entry["arrives"] else "refused"


def _credentials(provider: Provider) -> str:
    """What it must have first, then its other variables."""
    named = ["none needed"] if not provider.credential else []
    named += [" or ".join(f"`{one}`" for one in names) for names in credential_variables(provider).values()]
    return "; ".join(named)


def _quirks(provider: Provider) -> list[str]:
    return ["", f"### {provider.title}", "", *(f"- {quirk}" for quirk in provider.quirks)] if provider.quirks else []
