"""The dialect of /v1/messages: bodies to Calls, canon answers, chunks and problems back to Messages."""

from functools import partial

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation, Wishes
from llmgateway.canon.shapes import is_object
from llmgateway.dataplane.dialects.anthropic.answer import error_body, message_body
from llmgateway.dataplane.dialects.anthropic.body_paths import body_paths
from llmgateway.dataplane.dialects.anthropic.request import canon_request
from llmgateway.dataplane.dialects.anthropic.shapes import Counted, MessagesRequest, checked
from llmgateway.dataplane.dialects.anthropic.stream import MessagesStream, event
from llmgateway.dataplane.dialects.settings import check_settings
from llmgateway.errors import BadRequest, Problem
from llmgateway.providers.base import Answer


class AnthropicDialect:
    """Reads and writes the Messages API."""

    id = Dialect.ANTHROPIC
    id_names = (b"x-request-id", b"request-id")

    def read(self, operation: Operation, body: bytes, wishes: Wishes) -> Call:
        """Read a body into a Call. Raises BadRequest, naming the field."""
        try:
            decoded: object = msgspec.json.decode(body)
            if not is_object(decoded):
                raise BadRequest("The body must be a JSON object.")
            request = checked(decoded, MessagesRequest if operation is Operation.CHAT else Counted)
            canon = canon_request(decoded, request)
            call = Call(
                operation=operation,
                dialect=Dialect.ANTHROPIC,
                model=request.model,
                stream=isinstance(request, MessagesRequest) and bool(request.stream),
                body=decoded,
                canon=canon,
                wishes=wishes,
                body_paths=partial(body_paths, decoded),
            )
            check_settings(call)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(f"The body is no JSON: {error}. Send a JSON object in UTF-8.") from error
        except RecursionError as error:
            raise BadRequest("The body is nested too deeply. Send a flatter one.") from error
        return call

    def answer(self, call: Call, answer: Answer) -> bytes:
        """A whole answer."""
        if call.operation is Operation.COUNT_TOKENS:
            counted = answer.usage.prompt_tokens if answer.usage else 0
            return msgspec.json.encode({"input_tokens": answer.body.get("input_tokens", counted)})
        return msgspec.json.encode(message_body(answer))

    def error(self, problem: Problem, request_id: str) -> bytes:
        """The body of a refusal or failure."""
        return msgspec.json.encode(error_body(problem, request_id))

    def failure(self, problem: Problem, request_id: str) -> bytes:
        """An error as an event of a stream."""
        return event({**error_body(problem, request_id)})

    def keepalive(self) -> bytes:
        """A ping."""
        return event({"type": "ping"})

    def terminator(self) -> bytes:
        """The event that ends a stream, for native ones whose provider left it out."""
        return event({"type": "message_stop"})

    def stream(self, call: Call) -> MessagesStream:
        """A writer for one stream."""
        return MessagesStream(call.model)
