"""A request as it arrived: credential, address and wishes from the headers, and the body, not read yet."""

import re
from collections.abc import Mapping, Sequence

import msgspec

from llmgateway.canon.call import Call, Operation, Wishes
from llmgateway.catalog.catalog import LONGEST_NAME
from llmgateway.dataplane.body import unpacked
from llmgateway.dataplane.dialects.base import DialectWriter
from llmgateway.dataplane.dialects.validation import refuse
from llmgateway.errors import BadRequest, Unauthorized

_FAULT = re.compile(r"429|500|timeout|stall|(?:cut|drop):[0-9]{1,6}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_FORWARDED = ("anthropic-version", "anthropic-beta", "openai-beta")
_WISHING = frozenset(
    {
        "cache-control", "x-llmgateway-cache", "x-llmgateway-unsupported", "x-llmgateway-retention", "x-llmgateway-fault",
        "x-stainless-retry-count", *_FORWARDED,
    }
)  # fmt: skip
_NO_WISHES = Wishes()
_OURS = "lgw_"
"""How the gateway's own keys begin."""
_BEARER = "Bearer "
_USUAL = _BEARER + _OURS
_LINE = "\n"
"""Separates repeated credentials; no header can hold it."""
_JOINED = {
    **dict.fromkeys(("anthropic-beta", "openai-beta", "cache-control", "content-encoding"), ", "),
    **dict.fromkeys(("authorization", "x-api-key"), _LINE),
}
"""Headers whose repetitions all count, and what stands between them: lists are one list (RFC 9110, section 5.3)."""


class Inbound(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it arrived."""

    operation: Operation
    dialect: DialectWriter
    secret: str | None
    address: str
    headers: Mapping[str, str]
    body: bytes
    """The body as it came, perhaps compressed: before its key is known, a few kilobytes must not become 25 MiB in memory."""

    def unpacked(self) -> bytes:
        """The decompressed body. Raises BadRequest, TooLarge and UnsupportedEncoding."""
        return unpacked(self.body, self.headers.get("content-encoding", ""))

    def read(self, body: bytes) -> Call:
        """Read the decompressed body in its dialect. Raises BadRequest."""
        call = self.dialect.read(self.operation, body, read_wishes(self.headers))
        if call.model.startswith(_OURS):
            raise refuse(
                "model", "is an API key. Send the name of a model, and replace the key if others can read this."
            )
        if _CONTROL.search(call.model):
            raise refuse("model", "must not hold control characters. Send the name as GET /v1/models has it.")
        if len(call.model) > LONGEST_NAME:
            raise refuse("model", f"is longer than {LONGEST_NAME} characters. Send the name as GET /v1/models has it.")
        return call


def header_map(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """ASGI's header pairs as a mapping with lower-case names; of repeated ones that are no lists the last counts."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in raw}
    if len(headers) < len(raw):
        for name, between in _JOINED.items():
            if name in headers:
                told = [value.decode("latin-1") for header, value in raw if header == name.encode()]
                headers[name] = between.join(dict.fromkeys(told))
    return headers


def credential(headers: Mapping[str, str]) -> str | None:
    """The API key, from `Authorization: Bearer` or `x-api-key`. Raises Unauthorized for two different ones.

    An SDK that was also given a provider's key sends both; then the gateway's own is meant.
    """
    given = headers.get("authorization", "")
    if given.startswith(_USUAL) and _LINE not in given and "x-api-key" not in headers:
        return given.removeprefix(_BEARER).strip()
    found: list[str] = []
    for line in given.split(_LINE):
        scheme, _, secret = line.partition(" ")
        if scheme.lower() == "bearer":
            found.append(secret.strip())
    found += map(str.strip, headers.get("x-api-key", "").split(_LINE))
    secrets = set(filter(None, found))
    secrets = {secret for secret in secrets if secret.startswith(_OURS)} or secrets
    if len(secrets) > 1:
        raise Unauthorized(
            "The request carries two different keys. Send one, as `authorization: Bearer` or as `x-api-key`."
        )
    return secrets.pop() if secrets else None


def read_wishes(headers: Mapping[str, str]) -> Wishes:
    """The caller's `x-llmgateway-*` headers. Raises BadRequest for values that mean nothing."""
    if _WISHING.isdisjoint(headers):
        return _NO_WISHES
    control = headers.get("cache-control", "").lower()
    seconds = _cache_seconds(headers.get("x-llmgateway-cache"))
    store = "no-store" not in control
    return Wishes(
        drop_unsupported=_asks(headers, "x-llmgateway-unsupported", "drop"),
        cache_seconds=seconds,
        cache_read=store and "no-cache" not in control,
        cache_write=store,
        retries_itself=_is_a_retry(headers.get("x-stainless-retry-count", "")),
        retain=not _asks(headers, "x-llmgateway-retention", "none"),
        fault=_fault(headers.get("x-llmgateway-fault")),
        forward={name: headers[name] for name in _FORWARDED if name in headers},
    )


def _asks(headers: Mapping[str, str], name: str, only: str) -> bool:
    """Whether a header that can say one word only is there. Raises BadRequest for another word."""
    value = headers.get(name)
    if value is None:
        return False
    if value.strip().lower() != only:
        raise BadRequest(f"The header {name} can only be `{only}`. Send that, or leave the header out.", param=name)
    return True


def _is_a_retry(count: str) -> bool:
    """Whether this is a retry, as the libraries of OpenAI and Anthropic count them."""
    return count.strip("0") != "" and count.isascii() and count.isdigit()


def _fault(value: str | None) -> str | None:
    if value is None:
        return None
    word = value.strip().lower()
    if _FAULT.fullmatch(word) is None:
        raise BadRequest(
            "The header x-llmgateway-fault is one of 429, 500, timeout, stall, cut:N, drop:N (N tokens).",
            param="x-llmgateway-fault",
        )
    return word


def _cache_seconds(value: str | None) -> int | None:
    if value is None:
        return None
    word = value.strip().lower()
    if word == "off":
        return 0
    if not word.isascii() or not word.isdigit() or not 0 < int(word) <= 31_536_000:
        raise BadRequest(
            "The header x-llmgateway-cache is a number of seconds (1 to 31536000) or `off`.", param="x-llmgateway-cache"
        )
    return int(word)
