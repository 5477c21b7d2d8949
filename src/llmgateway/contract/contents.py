"""What was said, for organisations that log it: sealed before it leaves the request, opened for their people alone."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec


class SealedContent(msgspec.Struct, frozen=True, kw_only=True):
    """The body and the answer's text of one request, under the organisation's data key."""

    event_id: str
    org_id: str
    created_at: datetime
    expires_at: datetime
    request: bytes
    answer: bytes


def about(event_id: str, part: str) -> str:
    """What the sealed bytes are bound to, beside their organisation; `part` is `request` or `answer`."""
    return f"contents.{part}:{event_id}"


class ContentSink(Protocol):
    """Data plane -> control plane: contents to keep."""

    async def insert_contents(self, contents: Sequence[SealedContent]) -> None:
        """Keep them, each once. Raises SourceUnavailable."""
        ...
