"""Together AI."""

from typing import Final

from llmgateway.providers.openai_compatible import EVERYTHING, OpenAICompatible

TOGETHER: Final = OpenAICompatible(
    id="together",
    title="Together AI",
    docs="https://docs.together.ai/reference/chat-completions-1",
    base_url="https://api.together.xyz/v1",
    endpoints=EVERYTHING,
    renames={"max_completion_tokens": "max_tokens"},
    counts_logprobs=True,
    quirks=(
        "logprobs is a number of alternatives there and answered in an older form; both are translated: https://docs.together.ai/docs/logprobs",
    ),
)
