"""Rerank, in the shape that Cohere, Voyage and Jina share: `query` and `documents` in, `results` of `index` and `relevance_score` out."""

from typing import Any

import msgspec

from llmgateway.canon.chat import Json
from llmgateway.canon.shapes import figure_of, is_object, objects, text_of
from llmgateway.canon.usage import Usage
from llmgateway.errors import FailureKind, ProviderError
from llmgateway.providers.reported_cost import told_nanos


def document_text(document: Any) -> str:
    """A document as text: a string itself, an object's `text`, else the whole object as JSON."""
    if isinstance(document, str):
        return document
    if is_object(document) and isinstance(document.get("text"), str):
        return document["text"]
    return msgspec.json.encode(document).decode()


def wanted_results(canon: Json) -> int | None:
    """How many results the caller wants: `top_n`, or `top_k` as Voyage calls it; None for all."""
    return canon.get("top_n") or canon.get("top_k")


def canon_results(canon: Json, answer: Json) -> Json:
    """The answer in the shared shape, best result first, whether the host calls them `results` or `data`; with documents if asked for.

    Raises ProviderError for a result that points at no document or has no score.
    """
    documents: list[Any] = canon["documents"]
    found = objects(answer.get("results")) or objects(answer.get("data"))
    results = [_result(item, documents, given=bool(canon.get("return_documents"))) for item in found]
    results.sort(key=lambda result: -result["relevance_score"])
    rest = {name: value for name, value in answer.items() if name not in {"results", "data", "object"}}
    return {"object": "list", **rest, "results": results, "model": text_of(answer.get("model")) or canon["model"]}


def _result(item: Json, documents: list[Any], *, given: bool) -> Json:
    index, score = item.get("index"), item.get("relevance_score", item.get("score"))
    if type(index) is not int or not 0 <= index < len(documents) or type(score) not in (int, float):
        raise ProviderError(
            FailureKind.PROTOCOL, f"A result of the rerank has index {index!r} and score {score!r}.", status=200
        )
    result: Json = {"index": index, "relevance_score": score}
    if given:
        document = item.get("document")
        text = document_text(documents[index] if document is None else document)
        result["document"] = document if is_object(document) else {"text": text}
    return result


def rerank_usage(answer: Json) -> Usage | None:
    """Usage of a rerank: tokens, or the searches that the host bills, and the cost if it reports it; None when it reports nothing."""
    usage, meta = answer.get("usage"), answer.get("meta")
    if is_object(usage):
        counted = figure_of(usage.get("prompt_tokens")) or figure_of(usage.get("total_tokens")) or 0
        return Usage(prompt_tokens=counted, told_nanos=told_nanos(usage))
    if is_object(meta):
        units, tokens = meta.get("billed_units"), meta.get("tokens")
        searches = units.get("search_units") if is_object(units) else None
        read = tokens.get("input_tokens") if is_object(tokens) else None
        if searches is not None or read is not None:
            return Usage(prompt_tokens=figure_of(read) or 0, searches=figure_of(searches) or 0)
    return None
