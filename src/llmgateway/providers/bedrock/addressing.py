"""Addresses and signs requests to models on Amazon Bedrock: the path, and a bearer key or a signature.

Pages: https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys-use.html and
https://docs.aws.amazon.com/general/latest/gr/bedrock.html.
"""

from collections.abc import Mapping
from urllib.parse import quote

from llmgateway.errors import BadRequest
from llmgateway.providers.base import Place, UpstreamRequest
from llmgateway.providers.bedrock.signing import Signer

HOST = "https://bedrock-runtime.{region}.amazonaws.com"


_RUNTIME = "://bedrock-runtime."


def model_request(place: Place, method: str, body: bytes) -> UpstreamRequest:
    """A request to a method of the model (`converse`, `invoke`, ...), with its credential. Raises BadRequest without a region to sign for."""
    url = f"{place.base_url}/model/{quote(place.model, safe='')}/{method}"
    return UpstreamRequest(url, _authenticated(place, "POST", url, body), body)


def free_request(place: Place) -> UpstreamRequest | None:
    """The list of models, which costs nothing; None at an address that has no control plane beside it.

    Page: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_ListFoundationModels.html.
    """
    if _RUNTIME not in place.base_url:
        return None
    url = place.base_url.replace(_RUNTIME, "://bedrock.") + "/foundation-models"
    return UpstreamRequest(url, _authenticated(place, "GET", url, b""), b"", "GET")


def _authenticated(place: Place, method: str, url: str, body: bytes) -> Mapping[str, str]:
    """The headers of a request, with its bearer key or signature."""
    headers = {"content-type": "application/json"}
    key = place.secrets.get("api_key")
    if key is not None:
        return {**headers, "authorization": f"Bearer {key}"}
    region = place.options.get("region")
    if not region:
        raise BadRequest("Amazon Bedrock needs its region: set AWS_REGION, or region in gateway.yaml.", param="model")
    signer = Signer(
        place.secrets["aws_access_key_id"],
        place.secrets["aws_secret_access_key"],
        region,
        "bedrock",
        place.secrets.get("aws_session_token"),
    )
    return signer.sign(method, url, headers, body, place.now)
