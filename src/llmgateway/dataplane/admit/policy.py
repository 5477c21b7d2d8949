"""What an organisation forbids all its keys: prompts that are too long, words and patterns."""

from collections.abc import Iterator
from functools import lru_cache

from llmgateway.canon.call import Call, Dialect
from llmgateway.contract.snapshot import Policy
from llmgateway.errors import BadRequest
from llmgateway.kit.patterns import BadPattern, Pattern, compiled, escaped

_FREE = Policy()
_OPAQUE = frozenset(
    {"data", "file_data", "url", "image_url", "result", "signature", "encrypted_content", "thought_signature"}
)
"""Members that hold no words of the caller's."""
_ASKED = (
    "messages", "input", "prompt", "suffix", "prediction", "query", "documents", "instructions", "tools", "functions",
    "response_format", "text",
)  # fmt: skip


def check(policy: Policy, call: Call, prompt_tokens: int) -> None:
    """Raises BadRequest `policy_violation`, which names the rule and never repeats the text."""
    if policy == _FREE:
        return
    if policy.max_prompt_tokens is not None and prompt_tokens > policy.max_prompt_tokens:
        raise _violation(
            f"The prompt has about {prompt_tokens:,} tokens; this organisation allows {policy.max_prompt_tokens:,}. Send less."
        )
    rules = _rules(policy.blocked_words, policy.blocked_patterns)
    if not rules:
        return
    # Of a Response as it came: it may hold items that canon has no words for.
    asked = call.body if call.dialect is Dialect.RESPONSES else call.canon
    for text in _texts({name: asked[name] for name in _ASKED if name in asked}):
        for name, pattern in rules:
            if pattern.search(text) is not None:
                raise _violation(f"The prompt holds {name}, which this organisation blocks. Take it out.")


def _violation(message: str) -> BadRequest:
    return BadRequest(message, code="policy_violation")


@lru_cache(1024)
def _rules(words: tuple[str, ...], patterns: tuple[str, ...]) -> tuple[tuple[str, Pattern], ...]:
    """Each rule with how a refusal names it. A pattern that this version cannot read blocks nothing else."""
    rules: list[tuple[str, Pattern]] = []
    rules += [("a blocked word", pattern) for pattern in _either(words)]
    for place, pattern in enumerate(patterns, 1):
        try:
            rules.append((f"what blocked pattern {place} matches", compiled(pattern)))
        except BadPattern:
            continue  # it was checked when it was entered; an upgrade of the engine may be stricter
    return tuple(rules)


def _either(words: tuple[str, ...]) -> Iterator[Pattern]:
    """Patterns that find any of the words: one, or more where they are too many and long for one."""
    if not words:
        return
    either = "|".join(escaped(word) for word in words)
    try:
        yield compiled(rf"(?i)(?:^|[^\pL\pN_])(?:{either})(?:$|[^\pL\pN_])")
    except BadPattern:
        if len(words) == 1:
            raise
        half = len(words) // 2
        yield from _either(words[:half])
        yield from _either(words[half:])


def _texts(value: object) -> Iterator[str]:
    """Every text in it, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():  # pyright: ignore[reportUnknownVariableType] -- any JSON
            if name not in _OPAQUE or not isinstance(item, str):  # a schema may have a property of that name
                yield from _texts(item)  # pyright: ignore[reportUnknownArgumentType] -- any JSON
    elif isinstance(value, list):
        for item in value:  # pyright: ignore[reportUnknownVariableType] -- any JSON
            yield from _texts(item)  # pyright: ignore[reportUnknownArgumentType] -- any JSON
