"""Mistral AI."""

import re
from typing import Final

from llmgateway.providers.call_ids import CallIds
from llmgateway.providers.openai_compatible import CHAT_AND_EMBEDDINGS, OpenAICompatible
from llmgateway.providers.openai_wire.files import FileForm
from llmgateway.providers.openai_wire.order import Order
from llmgateway.providers.openai_wire.prefill import Prefill

MISTRAL: Final = OpenAICompatible(
    id="mistral",
    title="Mistral AI",
    docs="https://docs.mistral.ai/api/",
    base_url="https://api.mistral.ai/v1",
    endpoints=CHAT_AND_EMBEDDINGS,
    renames={"max_completion_tokens": "max_tokens", "seed": "random_seed", "dimensions": "output_dimension"},
    unsupported=frozenset(
        {
            "logit_bias",
            "store",
            "user",
            "service_tier",
            "safety_identifier",
            "verbosity",
            "web_search_options",
            "audio",
            "modalities",
            "top_k",
        }
    ),
    message_fields=frozenset({"role", "content", "tool_calls", "tool_call_id", "prefix"}),
    order=Order.ANSWERED,
    prefill=Prefill("prefix", needed=True, repeated=True),
    files=FileForm.DOCUMENT_URL,
    usage_in_streams=False,
    call_ids=CallIds(re.compile("[a-zA-Z0-9]{9}"), 9),
    quirks=(
        (
            "Unknown fields are a 422 there, so OpenAI's parameters and fields of messages that it does not document are refused "
            "here, by name: "
            "https://docs.mistral.ai/api/"
        ),
        "Streams always end with usage; stream_options is left out.",
        (
            "Ids of tool calls have exactly 9 letters or figures there; other makers' become their digests: "
            "https://docs.mistral.ai/capabilities/function_calling/"
        ),
        (
            "Some orders of messages are a 400 there (`invalid_request_message_order`): between results of tools and the user the "
            "assistant says `OK`, a system message behind an answer goes to the top (at the end it goes as the user's), and empty answers are left out: "
            "https://docs.mistral.ai/capabilities/function_calling/"
        ),
        "Files go there as parts of type document_url: https://docs.mistral.ai/capabilities/document_ai/document_qna",
        (
            "A last message of the assistant is sent with `prefix`, without which it is a 400 there; the answer's beginning, "
            "which repeats it, is left out: https://docs.mistral.ai/api/"
        ),
        "Thinking comes as parts of the content: https://docs.mistral.ai/capabilities/reasoning/",
    ),
)
