"""Amazon Bedrock: many makers' models by Converse, Claude also in Anthropic's own language."""

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from llmgateway.canon.call import Operation
from llmgateway.providers.base import Provider
from llmgateway.providers.bedrock.addressing import HOST
from llmgateway.providers.bedrock.claude import BedrockClaude, InvokedClaude
from llmgateway.providers.bedrock.converse import Converse
from llmgateway.providers.bedrock.models import is_claude

_DOCS: Final = "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
_ENDPOINTS: Final = MappingProxyType(
    {Operation.CHAT: "/model/{model}/converse", Operation.EMBEDDINGS: "/model/{model}/invoke"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bedrock(Converse):
    """The host. Claude models have a language more."""

    claude: BedrockClaude = field(repr=False)

    def language(self, model: str) -> Provider:
        return self.claude if is_claude(model) else self


BEDROCK: Final = Bedrock(
    id="bedrock",
    title="Amazon Bedrock",
    docs=_DOCS,
    base_url=HOST,
    needs=("region",),
    credential=("api_key",),
    credential_alternatives=(
        ("aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
        ("aws_access_key_id", "aws_secret_access_key"),
    ),
    claude=BedrockClaude(
        id="bedrock",
        title="Claude on Amazon Bedrock",
        docs=_DOCS,
        base_url=HOST,
        endpoints=MappingProxyType({**_ENDPOINTS, Operation.COUNT_TOKENS: "/model/{model}/count-tokens"}),
        messages=InvokedClaude(
            id="bedrock",
            title="Claude on Amazon Bedrock",
            docs="https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html",
            base_url=HOST,
            endpoints=MappingProxyType({Operation.CHAT: "/model/{model}/invoke"}),
        ),
    ),
    endpoints=_ENDPOINTS,
    env=MappingProxyType(
        {
            "api_key": ("AWS_BEARER_TOKEN_BEDROCK",),
            "aws_access_key_id": ("AWS_ACCESS_KEY_ID",),
            "aws_secret_access_key": ("AWS_SECRET_ACCESS_KEY",),
            "aws_session_token": ("AWS_SESSION_TOKEN",),
            "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        }
    ),
    quirks=(
        (
            "A bearer key, or an access key, whose requests are signed: "
            "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html"
        ),
        (
            "Callers of /v1/messages reach Claude by InvokeModel, untouched; all else goes by Converse: "
            "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html"
        ),
        (
            "Images and files are sent inside the request or by s3:// address, never by https: "
            "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ImageSource.html"
        ),
        (
            "cache_control becomes a cache point after the block, where the model takes one, and is left out where it does not: "
            "https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html"
        ),
        (
            "tool_choice none leaves the tools out, and is refused when the history has calls; parallel calls can be "
            "switched off for Claude from 4.5 on, where no tool is forced: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolChoice.html"
        ),
        (
            "response_format json_schema becomes outputConfig.textFormat; json_object has no counterpart: "
            "https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html"
        ),
        (
            "guardrailConfig, requestMetadata, performanceConfig and additionalModelRequestFields pass as they are: "
            "https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html"
        ),
        (
            "Tokens of Claude's prompts are counted by CountTokens, in the regions that have it; of other models by the "
            "gateway: https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html"
        ),
        (
            "Titan and Nova embed one text a request: "
            "https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-titan-embed-text.html"
        ),
    ),
)
