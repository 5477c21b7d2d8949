"""Structured logs: one line an event, JSON or for a console, with secrets struck out."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRET = re.compile(
    r"(lgw_(?:live|test)_)[A-Za-z0-9_]+|(sk-[A-Za-z0-9_-]{4})[A-Za-z0-9_-]+|(Bearer )[A-Za-z0-9._~+/=-]+", re.IGNORECASE
)


def configure_logs(*, json: bool, stream: TextIO = sys.stderr) -> None:
    """Set up logging for the process; called once by the command that starts it."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    last = structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Strike out what looks like a key, wherever it stands."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRET.sub(lambda match: f"{next(group for group in match.groups() if group)}***", value)
    return event
