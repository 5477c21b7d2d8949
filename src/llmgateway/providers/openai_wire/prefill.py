"""A last message of the assistant (prefill) at hosts of OpenAI's wire: the field that asks to continue it, and answers that repeat it."""

from collections.abc import Sequence
from dataclasses import dataclass

from llmgateway.canon.call import Call, Dialect
from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import objects, text_of
from llmgateway.errors import BadRequest
from llmgateway.providers.openai_wire.stream import RepairingReader


@dataclass(frozen=True, slots=True)
class Prefill:
    """How a host is asked to continue a last message of the assistant, which it else refuses or answers anew."""

    field: str
    """The field of the message that is true where the answer shall continue it."""
    needed: bool = False
    """It refuses such a message without the field, so callers of every dialect mean it; else those of /v1/messages do."""
    repeated: bool = False
    """Its answer begins with the message."""
    only_at: str = ""
    """The end of the base URL that alone knows the field; empty where each does."""

    def marked(self, call: Call, messages: Sequence[Json], base_url: str) -> Sequence[Json]:
        """The messages with the field where the last one shall be continued. Raises BadRequest where the base URL cannot."""
        if not self._is_meant(call):
            return messages
        if not base_url.endswith(self.only_at):
            raise BadRequest(
                f"This host continues a last message of the assistant only at a base URL that ends in {self.only_at}. "
                "End with a message of the user, or set such a base_url for it.",
                param=f"messages.{len(call.canon['messages']) - 1}",
            )
        return [*messages[:-1], {**messages[-1], self.field: True}]

    def repeats(self, call: Call) -> str:
        """The text with which the answer begins though the caller sent it; empty where none does."""
        return last_said(call) if self.repeated and self._is_meant(call) else ""

    def _is_meant(self, call: Call) -> bool:
        """Whether the field is to be set. A caller who wrote it gets what the host makes of it."""
        if not (self.needed or call.dialect is Dialect.ANTHROPIC) or not last_said(call):
            return False
        return self.field not in objects(call.canon["messages"])[-1]


def last_said(call: Call) -> str:
    """The text of the call's last message where that is a text of the assistant; else empty."""
    messages = objects(call.canon.get("messages"))
    if not messages or messages[-1].get("role") != "assistant" or messages[-1].get("tool_calls"):
        return ""
    content = messages[-1].get("content")
    return text_of(content) or "".join(text_of(part.get("text")) for part in objects(content))


class Repetition:
    """Takes out of one text, which comes in pieces, the beginning that repeats what the caller sent.

    Hosts leave out white space at the end of what was sent, and the model may write it again.
    """

    __slots__ = ("_got", "_over", "_said", "_space")

    def __init__(self, said: str) -> None:
        self._said = said.rstrip()
        self._space = said[len(self._said) :]
        self._got = ""
        self._over = False

    def rest(self, piece: str) -> str:
        """What is new in this piece; of a text that says something else, all of it so far."""
        if self._over:
            return self._after_space(piece)
        self._got += piece
        if self._got.startswith(self._said):
            self._over = True
            return self._after_space(self._got[len(self._said) :])
        return "" if self._said.startswith(self._got) else self.end()

    def end(self) -> str:
        """What was held back of a text that ended before it had repeated everything."""
        held = "" if self._over else self._got
        self._over, self._space = True, ""
        return held

    def _after_space(self, piece: str) -> str:
        while piece and self._space and piece[0] == self._space[0]:
            piece, self._space = piece[1:], self._space[1:]
        if piece:
            self._space = ""
        return piece


def without_repetition(body: Json, said: str) -> Json:
    """A whole answer without the text that the caller sent, in place."""
    for choice in objects(body.get("choices")) if said else ():
        message: Json = choice["message"]
        if content := text_of(message.get("content")):
            repetition = Repetition(said)
            message["content"] = repetition.rest(content) + repetition.end()
    return body


class ContinuingReader(RepairingReader):
    """Reads a stream whose answer begins with what the caller sent, and leaves that out."""

    __slots__ = ("_repetitions", "_said_before")

    def __init__(self, choices: int, said: str) -> None:
        super().__init__(choices)
        self._said_before = said
        self._repetitions: dict[int, Repetition] = {}
        """Index of a choice -> its text."""

    def repaired(self, body: Json) -> Json:
        for choice in super().repaired(body)["choices"]:
            known = self._repetitions.setdefault(choice["index"], Repetition(self._said_before))
            delta: Json = choice["delta"]
            if content := text_of(delta.get("content")):
                delta["content"] = known.rest(content)
            if choice["finish_reason"] and (held := known.end()):
                delta["content"] = held + text_of(delta.get("content"))
        return body
