"""Azure OpenAI (Microsoft Foundry): OpenAI's own language at deployments or the v1 surface, and Anthropic's for Claude."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.providers.anthropic.declaration import Anthropic
from llmgateway.providers.azure.credentials import EntraGrant
from llmgateway.providers.base import Grant, Place, Provider, UpstreamRequest
from llmgateway.providers.openai_compatible import CHAT_EMBEDDINGS_COMPLETIONS, OPENAI_CALL_IDS, OpenAICompatible

_OPENAI_SUFFIX: Final = ".openai.azure.com"
_FOUNDRY_SUFFIX: Final = ".services.ai.azure.com"
"""Claude is at the resource's other address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureClaude(Anthropic):
    """Anthropic's models at Azure: the Messages API below /anthropic."""

    def url(self, call: Call, place: Place) -> str:
        base = place.base_url.replace(_OPENAI_SUFFIX, _FOUNDRY_SUFFIX)
        return f"{base}/anthropic{self.endpoints[call.operation]}"

    def headers(self, call: Call, place: Place) -> Mapping[str, str]:
        token = place.secrets.get("token")
        if token is None:
            return Anthropic.headers(self, call, place)
        named = Anthropic.headers(self, call, _with_key(place))
        return {**{n: v for n, v in named.items() if n != "x-api-key"}, "authorization": f"Bearer {token}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Azure(OpenAICompatible):
    """OpenAI's models. `api_version` of the host chooses the deployments' paths, without it the v1 surface is asked."""

    claude: AzureClaude = field(repr=False)

    def grant(self, given: Mapping[str, str], files: Mapping[str, bytes]) -> Grant | None:
        del files
        tenant, client, secret = (given.get(name) for name in ("tenant_id", "client_id", "client_secret"))
        return EntraGrant(tenant, client, secret) if tenant and client and secret else None

    def language(self, model: str) -> Provider:
        return self.claude if "claude" in model.lower() else self

    def probe(self, place: Place) -> UpstreamRequest | None:
        return UpstreamRequest(f"{place.base_url}/openai/v1/models", self.headers(place), b"", "GET")

    def url(self, base: str, call: Call, place: Place) -> str:
        path = self.responses if call.dialect is Dialect.RESPONSES else self.endpoints[call.operation]
        version = place.options.get("api_version")
        if version is None:
            return f"{base}/openai/v1{path}"
        where = "" if call.dialect is Dialect.RESPONSES else f"/deployments/{quote(place.model, safe='')}"
        return f"{base}/openai{where}{path}?api-version={quote(version)}"

    def headers(self, place: Place) -> Mapping[str, str]:
        token = place.secrets.get("token")
        secret = {"api-key": place.secrets["api_key"]} if token is None else {"authorization": f"Bearer {token}"}
        return {"content-type": "application/json", **secret}


def _with_key(place: Place) -> Place:
    """The place with an empty key, so that Anthropic's headers can be built and the key then replaced by the token."""
    return Place(
        model=place.model,
        base_url=place.base_url,
        secrets={"api_key": ""},
        options=place.options,
        stream=place.stream,
        now=place.now,
        dropped=place.dropped,
    )


AZURE: Final = Azure(
    id="azure",
    title="Azure OpenAI",
    docs="https://learn.microsoft.com/en-us/azure/ai-foundry/openai/latest",
    base_url="https://{resource}.openai.azure.com",
    granted_by=("tenant_id", "client_id", "client_secret"),
    needs=("resource",),
    env=MappingProxyType(
        {
            "api_key": ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY"),
            "resource": ("AZURE_RESOURCE", "AZURE_OPENAI_RESOURCE"),
            "api_version": ("AZURE_API_VERSION", "OPENAI_API_VERSION"),
            "tenant_id": ("AZURE_TENANT_ID",),
            "client_id": ("AZURE_CLIENT_ID",),
            "client_secret": ("AZURE_CLIENT_SECRET",),
        }
    ),
    endpoints=CHAT_EMBEDDINGS_COMPLETIONS,
    native=True,
    strict_schemas=True,
    continues=False,
    responses="/responses",
    call_ids=OPENAI_CALL_IDS,
    claude=AzureClaude(
        id="azure",
        title="Claude on Azure",
        docs="https://learn.microsoft.com/en-us/azure/ai-foundry/foundry-models/how-to/use-foundry-models-claude",
        base_url="https://{resource}.services.ai.azure.com",
        endpoints=MappingProxyType(
            {Operation.CHAT: "/v1/messages", Operation.COUNT_TOKENS: "/v1/messages/count_tokens"}
        ),
    ),
    quirks=(
        (
            "The model is the deployment's name; with api_version it goes into the path: "
            "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/api-version-lifecycle"
        ),
        (
            "A key goes into api-key; without one an Entra token is fetched with tenant_id, client_id and client_secret: "
            "https://learn.microsoft.com/en-us/azure/ai-foundry/openai/how-to/managed-identity"
        ),
        (
            "Deployments whose name holds `claude` are asked in Anthropic's language: "
            "https://learn.microsoft.com/en-us/azure/ai-foundry/foundry-models/how-to/use-foundry-models-claude"
        ),
    ),
)
