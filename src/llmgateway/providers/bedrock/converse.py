"""The Converse API: one language for all of Amazon Bedrock's chat models, and InvokeModel for embeddings.

Page: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.shapes import text_of
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.answers import answer_object
from llmgateway.providers.base import Answer, Decoder, Place, Provider, UpstreamReply, UpstreamRequest
from llmgateway.providers.bedrock.addressing import free_request, model_request
from llmgateway.providers.bedrock.answer import canon_answer, finish_of, usage_of
from llmgateway.providers.bedrock.counting import count_request, read_count
from llmgateway.providers.bedrock.embeddings import invoke_body, read_vectors
from llmgateway.providers.bedrock.embeddings import refusals as embedding_refusals
from llmgateway.providers.bedrock.errors import answer_error
from llmgateway.providers.bedrock.request import converse_body, refusals
from llmgateway.providers.bedrock.stream import ConverseReader, EventStreamDecoder, malformed
from llmgateway.providers.paths import leave_out


@dataclass(frozen=True, slots=True, kw_only=True)
class Converse(Provider):
    """The language of Converse. No caller speaks it, so everything is translated."""

    def refuses(self, call: Call, model: str) -> Sequence[str]:
        if call.operation is Operation.EMBEDDINGS:
            return embedding_refusals(call.canon, model)
        return refusals(call.canon, model)

    def probe(self, place: Place) -> UpstreamRequest | None:
        return free_request(place)

    def build(self, call: Call, place: Place) -> UpstreamRequest:
        if call.operation is Operation.COUNT_TOKENS:
            return count_request(call, place)
        if call.operation is Operation.EMBEDDINGS:
            canon = leave_out(call.canon, place.dropped) if place.dropped else call.canon
            method, body = "invoke", invoke_body(canon, place.model)
        else:
            method = "converse-stream" if place.stream else "converse"
            body = converse_body(call, place.model, dropped=place.dropped)
        return model_request(place, method, msgspec.json.encode(body))

    def read(self, call: Call, reply: UpstreamReply) -> Answer:
        if call.operation is Operation.EMBEDDINGS:
            return read_vectors(call, reply)
        answer = answer_object(reply, self.title)
        if call.operation is Operation.COUNT_TOKENS:
            return read_count(answer)
        if "output" not in answer or "stopReason" not in answer:
            raise ProviderError(FailureKind.PROTOCOL, "Amazon Bedrock's answer holds no message.", status=reply.status)
        if failure := malformed(text_of(answer["stopReason"])):
            raise failure
        usage = usage_of(answer.get("usage"), answer)
        body = canon_answer(answer, reply.headers.get("x-amzn-requestid", ""), call.model, usage)
        message = body["choices"][0]["message"]
        calls = [msgspec.json.encode(made["function"]).decode() for made in message.get("tool_calls", [])]
        said = [text_of(message.get("content")), text_of(message.get("reasoning_content"))]
        return Answer(body={**body}, usage=usage, finish=finish_of(answer["stopReason"]), text="".join([*said, *calls]))

    def decoder(self, call: Call, *, native: bool) -> Decoder:
        del native  # nobody speaks it
        return EventStreamDecoder(ConverseReader(call.model))

    def classify(self, reply: UpstreamReply) -> ProviderError:
        return answer_error(reply.status, reply.headers, reply.body)
