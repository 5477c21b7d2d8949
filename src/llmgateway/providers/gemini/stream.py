"""Translates streams of streamGenerateContent to canon chunks, frame by frame.

Page: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent. A stream has no terminator: its
end is a finish reason, and then the end of the bytes.
"""

from collections.abc import Sequence

import msgspec

from llmgateway.canon.call import Call
from llmgateway.canon.chat import ChatChunk, Delta, Json, chunk_of, usage_chunk
from llmgateway.canon.shapes import is_object, text_of
from llmgateway.providers.base import Step
from llmgateway.providers.gemini.answer import (
    Candidate,
    Response,
    blocked_because,
    blocks_of,
    canon_logprobs,
    finish_of,
    is_plain,
    openai_usage,
    picture,
    searches_of,
    signed,
    tool_call,
    unreadable,
    url_citations,
    usage_of,
)
from llmgateway.providers.gemini.errors import status_error
from llmgateway.providers.gemini.framing import Framing
from llmgateway.providers.gemini.request import wants_summary
from llmgateway.providers.lenient_json import LenientReader

_decoder = msgspec.json.Decoder(Response)


class _Candidate:
    """One candidate, as far as its frames have come."""

    __slots__ = ("calls", "cited", "finish", "parts", "searches")

    def __init__(self) -> None:
        self.parts: list[Json] = []
        self.calls = 0
        self.cited: set[tuple[str, int, int]] = set()
        self.searches = 0
        self.finish: str | None = None

    def keep(self, part: Json) -> None:
        """Remember a part; consecutive pieces of text become one part."""
        last = self.parts[-1] if self.parts else None
        piece = part.keys() == {"text"} and isinstance(part["text"], str)
        if piece and last is not None and last.keys() == {"text"}:
            self.parts[-1] = {"text": text_of(last["text"]) + part["text"]}
        elif not (piece and not part["text"]):
            self.parts.append(part)


class GeminiDecoder:
    """Decodes a stream, in either framing."""

    __slots__ = (
        "_answers",
        "_expected",
        "_framing",
        "_id",
        "_last",
        "_lenient",
        "_model",
        "_told",
        "_wants_summary",
        "kept",
    )  # fmt: skip

    def __init__(self, call: Call) -> None:
        self._wants_summary = wants_summary(call.canon)
        """The caller asked for a summary of the reasoning, so thoughts go into `reasoning_summary`."""
        self._framing = Framing()
        self._answers: dict[int, _Candidate] = {}
        self._expected: int = call.canon.get("n") or 1
        self._id = ""
        self._model = call.model
        """The requested model, until Google reports which one answers."""
        self._last: str | None = None
        self._lenient = LenientReader()
        self._told = False
        """Whether the finish reason of the whole answer went out."""
        self.kept = 0

    def feed(self, data: bytes) -> Sequence[Step]:
        self.kept += len(data)
        return [step for frame in self._framing.feed(data) for step in self.read(frame)]

    def close(self) -> Sequence[Step]:
        steps = [step for frame in self._framing.close() for step in self.read(frame)]
        steps += self._lenient.close(self._understand)
        if not self._told and self._last and all(answer.finish for answer in self._answers.values()):
            self._told = True
            steps.append(Step(finish=self._last))  # fewer candidates came than were asked for, each with its end
        return steps

    def read(self, data: bytes) -> Sequence[Step]:
        """Steps of one frame's JSON."""
        return self._lenient.read(data, self._understand)

    def _understand(self, data: bytes) -> Sequence[Step]:
        response = _decoder.decode(data)
        if response.error is not None:
            return (Step(error=status_error(response.error, None)),)
        self._id = self._id or response.response_id
        self._model = response.model_version.removeprefix("models/") or self._model
        steps: list[Step] = []
        for candidate in response.candidates:
            steps += self._grow(candidate)
        feedback = response.prompt_feedback
        if feedback and feedback.block_reason and not self._answers:
            steps += self._blocked(feedback.block_reason, blocked_because(feedback))
        return self._with_usage(steps, response)

    def _grow(self, candidate: Candidate) -> list[Step]:
        answer = self._answers.get(candidate.index)
        steps: list[Step] = []
        if answer is None:
            answer = self._answers[candidate.index] = _Candidate()
            steps.append(Step(chunk=self._chunk(candidate.index, {"role": "assistant"})))
        for part in candidate.parts:
            steps += self._part(candidate.index, answer, part)
        if candidate.logprobs_result and (logprobs := canon_logprobs(candidate.logprobs_result)):
            chunk = self._chunk(candidate.index, {})
            chunk["choices"][0]["logprobs"] = logprobs
            steps.append(Step(chunk=chunk))
        if candidate.grounding_metadata:
            steps += self._cite(candidate, answer)
        if candidate.finish_reason:
            steps += self._finish(candidate, answer)
        return steps

    def _part(self, index: int, answer: _Candidate, part: Json) -> list[Step]:
        delta: Delta = {}
        text = text_of(part.get("text"))
        if part.get("thought"):
            if text:
                delta["reasoning_summary" if self._wants_summary else "reasoning_content"] = text
        elif is_object(part.get("functionCall")):
            answer.keep(part)
            call = tool_call(part, f"{self._id}.{index}.{answer.calls}")
            delta["tool_calls"] = [{"index": answer.calls, **call}]
            answer.calls += 1
            text = call["function"]["arguments"]
        else:
            answer.keep(part)
            if text:
                delta["content"] = text
            if image := picture(part):
                delta["images"] = [image]
            if signature := text_of(part.get("thoughtSignature")) if "text" in part else "":
                delta["extra_content"] = signed(signature)
        if not delta:
            return []
        return [Step(chunk=self._chunk(index, delta), content=delta.keys() != {"extra_content"}, text=text)]

    def _cite(self, candidate: Candidate, answer: _Candidate) -> list[Step]:
        answer.searches = max(answer.searches, searches_of(candidate))
        fresh: list[Json] = []
        for annotation in url_citations(candidate.grounding_metadata, answer.parts):
            cited = annotation["url_citation"]
            key = (cited["url"], cited["start_index"], cited["end_index"])
            if key not in answer.cited:
                answer.cited.add(key)
                fresh.append(annotation)
        return [Step(chunk=self._chunk(candidate.index, {"annotations": fresh}))] if fresh else []

    def _finish(self, candidate: Candidate, answer: _Candidate) -> list[Step]:
        if failure := unreadable(candidate):
            return [Step(error=failure)]
        finish = finish_of(candidate.finish_reason, called=answer.calls > 0)
        if finish is None:
            return []
        steps: list[Step] = []
        if not is_plain(answer.parts):
            blocks: Delta = {"provider_blocks": blocks_of(answer.parts)}
            steps.append(Step(chunk=self._chunk(candidate.index, blocks), content=True))
        if finish == "content_filter" and candidate.finish_message and not answer.parts:
            refusal: Delta = {"refusal": candidate.finish_message}
            steps.append(Step(chunk=self._chunk(candidate.index, refusal), content=True, text=candidate.finish_message))
        answer.finish = finish
        return [*steps, self._end(candidate.index, finish, candidate.finish_reason)]

    def _end(self, index: int, finish: str, native: str | None) -> Step:
        """The chunk that ends one choice; the whole answer is finished when all choices are."""
        chunk = self._chunk(index, {})
        chunk["choices"][0]["finish_reason"] = finish
        chunk["choices"][0]["native_finish_reason"] = native
        self._last = finish
        done = len(self._answers) >= self._expected and all(answer.finish for answer in self._answers.values())
        self._told = self._told or done
        return Step(chunk=chunk, finish=finish if done else None)

    def _blocked(self, reason: str, sentence: str) -> list[Step]:
        answer = self._answers[0] = _Candidate()
        answer.finish = "content_filter"
        self._expected = 1
        delta: Delta = {"role": "assistant", "content": "", "refusal": sentence}
        return [
            Step(chunk=self._chunk(0, delta), content=True, text=sentence),
            self._end(0, "content_filter", reason),
        ]

    def _with_usage(self, steps: list[Step], response: Response) -> list[Step]:
        usage = usage_of(response, sum(answer.searches for answer in self._answers.values()))
        if usage is None:
            return steps
        if not self._told:
            return [*steps, Step(usage=usage)]
        summary = usage_chunk(self._id, self._model, openai_usage(usage))
        return [*steps, Step(chunk=summary, usage=usage, usage_only=True)]

    def _chunk(self, index: int, delta: Delta) -> ChatChunk:
        return chunk_of(self._id, self._model, delta, index)
