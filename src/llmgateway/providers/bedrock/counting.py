"""Counts the tokens of a prompt by CountTokens of Amazon Bedrock, which is free, for the models that have it.

Page: https://docs.aws.amazon.com/bedrock/latest/userguide/count-tokens.html.
"""

import re
from typing import Final

import msgspec

from llmgateway.canon.call import Call
from llmgateway.canon.chat import Json
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import Answer, Place, UpstreamRequest
from llmgateway.providers.bedrock.addressing import model_request
from llmgateway.providers.bedrock.request import converse_body

_REGIONAL: Final = re.compile(r"(us|us-gov|eu|apac|au|jp|ca|sa|me|global)\.(?=[a-z0-9]+\.)")
"""The prefix of a cross-region inference profile: CountTokens takes the model's own id alone."""
_COUNTED: Final = frozenset({"messages", "system", "toolConfig", "additionalModelRequestFields"})


def count_request(call: Call, place: Place) -> UpstreamRequest:
    """The request that counts what Converse would read."""
    body = converse_body(call, place.model, dropped=place.dropped)
    counted = {"input": {"converse": {name: value for name, value in body.items() if name in _COUNTED}}}
    found = _REGIONAL.match(place.model)
    own = msgspec.structs.replace(place, model=place.model[found.end() :] if found else place.model)
    return model_request(own, "count-tokens", msgspec.json.encode(counted))


def read_count(answer: Json) -> Answer:
    """The count. Raises ProviderError when there is none."""
    count = answer.get("inputTokens")
    if not isinstance(count, int):
        raise ProviderError(FailureKind.PROTOCOL, "Amazon Bedrock's answer holds no count of tokens.", status=200)
    return Answer(body={"input_tokens": count}, usage=None)
