"""Decodes the body of a whole answer, which is a JSON object in every language."""

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import is_object
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.base import UpstreamReply
from llmgateway.providers.lenient_json import REFUSED, lenient


def answer_object(reply: UpstreamReply, title: str) -> Json:
    """The JSON object of an answer; `title` names the provider in errors. Raises ProviderError (PROTOCOL) when it is none."""
    try:
        answer: object = lenient(msgspec.json.decode, reply.body)
    except REFUSED as error:
        raise ProviderError(
            FailureKind.PROTOCOL, f"{title}'s answer is no JSON: {error}.", status=reply.status
        ) from error
    if not is_object(answer):
        raise ProviderError(FailureKind.PROTOCOL, f"{title}'s answer is no JSON object.", status=reply.status)
    return answer
