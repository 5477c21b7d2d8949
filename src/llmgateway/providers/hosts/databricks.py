"""Databricks, by its serving endpoints."""

from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.providers.openai_compatible import OpenAICompatible

DATABRICKS: Final = OpenAICompatible(
    id="databricks",
    title="Databricks",
    docs="https://docs.databricks.com/aws/en/machine-learning/foundation-model-apis/api-reference",
    base_url="https://{workspace}/serving-endpoints",
    needs=("workspace",),
    env=MappingProxyType(
        {"api_key": ("DATABRICKS_API_KEY", "DATABRICKS_TOKEN"), "workspace": ("DATABRICKS_WORKSPACE",)}
    ),
    endpoints=MappingProxyType({Operation.CHAT: "/chat/completions", Operation.EMBEDDINGS: "/embeddings"}),
    renames={"max_completion_tokens": "max_tokens"},
    unsupported=frozenset({"logit_bias", "seed", "presence_penalty", "frequency_penalty"}),
    free_call="",
    quirks=(
        "The workspace is the host of its URL, such as dbc-123.cloud.databricks.com; the model is the endpoint's name.",
        (
            "Content may come as a list of parts; it is joined, reasoning apart: "
            "https://docs.databricks.com/aws/en/machine-learning/model-serving/query-reason-models"
        ),
    ),
)
