"""SambaNova Cloud."""

from typing import Final

from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible

SAMBANOVA: Final = OpenAICompatible(
    id="sambanova",
    title="SambaNova",
    docs="https://docs.sambanova.ai/docs/en/features/openai-compatibility",
    base_url="https://api.sambanova.ai/v1",
    endpoints=CHAT_AND_EMBEDDINGS,
    renames={"max_completion_tokens": "max_tokens"},
    unsupported=frozenset(
        {"logit_bias", "logprobs", "top_logprobs", "n", "presence_penalty", "frequency_penalty", "seed"}
    ),
    quirks=(
        (
            "n, seed, penalties, logit_bias and logprobs are ignored there, so they are refused here: "
            "https://docs.sambanova.ai/docs/en/features/openai-compatibility"
        ),
    ),
)
