"""Opens the logged content of a request for people of its organisation."""

import json
from typing import Any

from llmgateway.contract.contents import about
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.db.models.contents import ContentRow
from llmgateway.kit.crypto import CannotOpen
from llmgateway.kit.vault import Vault


def open_content(deps: Dependencies, data_key: bytes | None, row: ContentRow) -> tuple[Any, str] | None:
    """The request's body as JSON, or as text when it was cut for its length, and the answer's text; None when they were erased."""
    if data_key is None:
        return None
    vault = Vault(deps.masters)
    try:
        request, answer = (
            vault.open(data_key, row.org_id, about(row.event_id, part), sealed)
            for part, sealed in (("request", row.request), ("answer", row.answer))
        )
    except CannotOpen:
        return None
    return _body(request), answer.decode("utf-8", "replace")


def _body(plain: bytes) -> Any:
    try:
        return json.loads(plain)
    except ValueError:
        return plain.decode("utf-8", "replace")
