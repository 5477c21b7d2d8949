"""Structured logs: one line an event, JSON or for a console, with the ids of what it is about, and secrets struck out."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Final, TextIO

import structlog

_SECRETS: Final = re.compile(
    r"(lgw_(?:live|test)_)[A-Za-z0-9_]+"
    r"|(\b(?:sk|pk|rk|whsec)[-_][A-Za-z0-9]{0,4})[A-Za-z0-9_-]{8,}"
    r"|(\b(?:xai-|gsk_|hf_|r8_|pplx-|nvapi-|AIza|AKIA|ya29\.|eyJ))[A-Za-z0-9._-]{8,}"
    r"|((?:Bearer|Basic) )[A-Za-z0-9._~+/=-]+"
    r"|(://[^\s:/@\"']*:)[^\s\"']+(?=@)"
    r"|((?:api[-_]?key|password|secret|token)[\"']?\s*[=:]\s*[\"']?)[^\s\"',}&]{4,}",
    re.IGNORECASE,
)
"""Keys of ours and of providers, tokens, passwords in URLs, and values after a name such as `password`."""

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_subject: ContextVar[Mapping[str, str]] = ContextVar("subject", default=_NOTHING)


def speak_of(subject: Mapping[str, str]) -> None:
    """Have the log lines of this task, and of tasks that it starts, carry these ids."""
    _subject.set(subject)


def configure_logs(*, json: bool, stream: TextIO = sys.stderr) -> None:
    """Set up logging for the process; called once by the command that starts it."""
    shared: list[structlog.typing.Processor] = [
        add_subject,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[*shared, renderer, strike_out],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, strike_out],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def add_subject(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the request, organisation and key to a line."""
    for name, value in _subject.get().items():
        event.setdefault(name, value)
    return event


def strike_out(_logger: Any, _method: str, line: Any) -> str:
    """The finished line without anything that looks like a secret, be it in a message, a traceback or a nested value."""
    return _SECRETS.sub(lambda match: f"{next(group for group in match.groups() if group is not None)}***", str(line))
