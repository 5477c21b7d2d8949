"""Addresses of models on Vertex AI: the host by location, the path by project, publisher and method.

Page: https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from llmgateway.errors import BadRequest
from llmgateway.providers.base import Place

HOST: Final = "https://{location}-aiplatform.googleapis.com"
_GLOBAL: Final = "https://aiplatform.googleapis.com"
_MULTI_REGION: Final = "https://aiplatform.{location}.rep.googleapis.com"
_DEFAULT_LOCATION: Final = "global"


def model_url(place: Place, publisher: str, method: str) -> str:
    """The address of a model's method. Raises BadRequest when no project is set."""
    project = place.options.get("project")
    if not project:
        raise BadRequest(
            "Vertex AI has no project: set GOOGLE_CLOUD_PROJECT, or `project` of vertex in gateway.yaml.", param="model"
        )
    location = location_of(place.options)
    version = place.options.get("api_version") or "v1"
    where = f"projects/{quote(project, safe=':')}/locations/{quote(location)}/publishers/{publisher}"
    model = place.model.rpartition("/")[2]
    return f"{_host(place.base_url, location)}/{version}/{where}/models/{quote(model, safe='@')}:{method}"


def location_of(options: Mapping[str, str]) -> str:
    """The location of the settings, or `global` without one."""
    return options.get("location") or _DEFAULT_LOCATION


def bearer(place: Place) -> Mapping[str, str]:
    """The headers of every request, with its access token."""
    return {"content-type": "application/json", "authorization": f"Bearer {place.secrets['token']}"}


def _host(base_url: str, location: str) -> str:
    if base_url != HOST:
        return base_url
    if location == "global":
        return _GLOBAL
    return (_MULTI_REGION if location in {"us", "eu"} else HOST).format(location=location)
