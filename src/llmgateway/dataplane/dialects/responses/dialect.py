"""OpenAI's Responses dialect: /v1/responses, native where the provider has it, translated to chat elsewhere."""

import time
from functools import partial

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.shapes import is_object, objects
from llmgateway.dataplane.dialects.openai.dialect import error_body
from llmgateway.dataplane.dialects.responses.answer import finished, output_items, response_object, usage_object
from llmgateway.dataplane.dialects.responses.body_paths import body_paths
from llmgateway.dataplane.dialects.responses.request import ResponsesRequest, canon_request, lost_references
from llmgateway.dataplane.dialects.responses.stream import ResponsesStream
from llmgateway.dataplane.dialects.settings import check_settings
from llmgateway.dataplane.dialects.validation import check, encode, read_object
from llmgateway.errors import Problem
from llmgateway.kit import sse
from llmgateway.providers.base import Answer

_KEEPALIVE = sse.comment(b"keepalive")


class ResponsesDialect:
    """Reads and writes Responses."""

    id = Dialect.RESPONSES
    id_names = (b"x-request-id",)

    def read(self, operation: Operation, body: bytes, wishes: Wishes) -> Call:
        value = read_object(body)
        request = check(value, ResponsesRequest)
        canon, items = canon_request(value, request)
        call = Call(
            operation=operation,
            dialect=Dialect.RESPONSES,
            model=request.model,
            stream=bool(request.stream),
            body=value,
            canon=canon,
            include_usage=True,
            wishes=wishes,
            left_out=lost_references(request),
            body_paths=partial(body_paths, request, items),
        )
        check_settings(call)
        return call

    def answer(self, call: Call, answer: Answer) -> bytes:
        choices = objects(answer.body.get("choices"))
        message = choices[0].get("message") if choices else None
        end = finished(answer.finish)
        output = output_items(message, end["status"], choices[0].get("logprobs")) if is_object(message) else []
        created = answer.body.get("created") or int(time.time())
        model = answer.body.get("model") or call.model
        return encode(response_object(call, created, model, output, **end, **usage_object(answer.usage)))

    def error(self, problem: Problem, request_id: str) -> bytes:
        del request_id  # OpenAI's bodies do not carry it; the header does
        return encode(error_body(problem))

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """An error as the first event of a stream."""
        del request_id
        event = {"type": "error", "code": problem.code, "message": problem.message, "param": problem.param}
        return sse.write(encode({**event, "sequence_number": 0}), b"error")

    def keepalive(self) -> bytes:
        return _KEEPALIVE

    def terminator(self) -> bytes:
        """Nothing: the last event of a native stream ends it."""
        return b""

    def stream(self, call: Call) -> ResponsesStream:
        return ResponsesStream(call)
