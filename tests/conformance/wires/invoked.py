"""The Messages API behind other hosts: Vertex AI's predict, and Amazon Bedrock's InvokeModel with events in AWS's frames."""

import base64
import json

from llmgateway.canon.chat import Json
from tests.conformance.meaning import Said
from tests.conformance.wires.anthropic import AnthropicWire, message_events
from tests.providers.bedrock_building import event


class InvokedWire(AnthropicWire):
    """Answers as Anthropic gives them; events wrapped."""

    def stream(self, said: Said) -> bytes:
        return b"".join(_wrapped(body) for body in message_events(said))


def _wrapped(body: Json) -> bytes:
    return event("chunk", {"bytes": base64.b64encode(json.dumps(body).encode()).decode()})
