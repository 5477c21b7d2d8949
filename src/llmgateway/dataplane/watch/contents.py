"""Logs prompts and answers where an organisation asked for it: sealed at once, and shipped without delaying any answer."""

import asyncio
from collections import deque
from datetime import timedelta
from typing import Any, Final

import msgspec
import structlog

from llmgateway.canon.call import Call
from llmgateway.contract.channels import SourceUnavailable
from llmgateway.contract.contents import ContentSink, SealedContent, about
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import Outcome, UsageEvent
from llmgateway.kit.crypto import CannotOpen
from llmgateway.kit.vault import Vault

_MOST_WAITING: Final = 500
_LARGEST: Final = 1 << 20
"""Bytes of a body or an answer that are kept; longer ones are cut."""
_BATCH: Final = 50
_PAUSE_SECONDS: Final = 0.5

log = structlog.get_logger()


def may_be_kept(event: UsageEvent, key: KeySnapshot, call: Call) -> bool:
    """Whether the organisation logs the contents of such a request, and the caller did not forbid it."""
    wanted = key.org.policy.content_logging
    if wanted == "off" or not call.wishes.retain:
        return False
    return wanted != "errors" or event.outcome in (Outcome.FAILED, Outcome.REFUSED)


class ContentLog:
    """Contents on their way to the database. It is bounded: in a long outage the oldest are lost, which is logged. Usage never is."""

    def __init__(self, sink: ContentSink, vault: Vault) -> None:
        self._sink = sink
        self._vault = vault
        self._waiting = deque[SealedContent](maxlen=_MOST_WAITING)
        self._lost = 0

    def ended(self, event: UsageEvent, key: KeySnapshot, call: Call, text: str) -> None:
        """Seal and queue the contents of a request that is over."""
        data_key = key.org.data_key
        if data_key is None:
            return
        try:
            sealed = [
                self._vault.seal(data_key, key.org.id, about(event.id, part), plain[:_LARGEST])
                for part, plain in (("request", _encoded(call.body)), ("answer", text.encode("utf-8", "replace")))
            ]
        except CannotOpen as error:
            log.warning("contents cannot be sealed", org_id=key.org.id, reason=str(error))
            return
        if len(self._waiting) == _MOST_WAITING:
            self._lost += 1
        self._waiting.append(
            SealedContent(
                event_id=event.id,
                org_id=key.org.id,
                created_at=event.created_at,
                expires_at=event.created_at + timedelta(days=key.org.policy.content_retention_days),
                request=sealed[0],
                answer=sealed[1],
            )
        )

    async def ship(self) -> None:
        """Ship queued contents until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_SECONDS)
            if await self._ship_some() and self._lost:
                log.warning("contents were lost while the database was away", count=self._lost)
                self._lost = 0

    async def _ship_some(self) -> bool:
        """Ship a batch. Returns False when the database cannot be asked."""
        while self._waiting:
            batch = [self._waiting[place] for place in range(min(_BATCH, len(self._waiting)))]
            try:
                await self._sink.insert_contents(batch)
            except SourceUnavailable:
                return False
            for content in batch:
                if self._waiting and self._waiting[0] is content:
                    self._waiting.popleft()
        return True


def _encoded(body: Any) -> bytes:
    return msgspec.json.encode(body)
