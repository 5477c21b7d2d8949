"""The rate limit of requests without a valid access token: so many a minute from one client address, on any path."""

from typing import Final

from llmgateway.controlplane.reception.attempts import note_unauthenticated
from llmgateway.kit.asgi import Scope
from llmgateway.kit.clock import Clock
from llmgateway.kit.signed_tokens import BadToken, TokenSigner
from llmgateway.kit.store import Store

_SIGNED_BY_SENDER: Final = ("/api/v1/webhooks/",)
"""Paths of webhooks: signed by their sender, they count those with a wrong signature themselves."""


class UnauthenticatedRequests:
    """Counts requests without a valid access token."""

    def __init__(self, store: Store, signer: TokenSigner, clock: Clock) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock

    async def admit(self, scope: Scope) -> None:
        """Count the request unless it has a valid access token. Raises TooMany."""
        if scope["path"].startswith(_SIGNED_BY_SENDER) or self._signed(scope):
            return
        client = scope.get("client")
        await note_unauthenticated(self._store, client[0] if client else "unknown")

    def _signed(self, scope: Scope) -> bool:
        """Whether the request has an access token of ours. Whether its session has ended is checked later."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"").decode("latin-1")
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            self._signer.read(token.strip(), self._clock.now())
        except BadToken:
            return False
        return True
