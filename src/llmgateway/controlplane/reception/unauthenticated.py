"""Requests that nobody is known to have made: so many a minute from one address, whatever they ask for."""

from typing import Any, Final

from llmgateway.controlplane.reception.attempts import note_unauthenticated
from llmgateway.kit.clock import Clock
from llmgateway.kit.signed_tokens import BadToken, TokenSigner
from llmgateway.kit.store import Store

_PROVE_THEMSELVES: Final = ("/api/v1/webhooks/",)
"""Signed by who sends them; they count those whose signature is not right."""


class UnauthenticatedRequests:
    """Counts them at the door."""

    def __init__(self, store: Store, signer: TokenSigner, clock: Clock) -> None:
        self._store = store
        self._signer = signer
        self._clock = clock

    async def admit(self, scope: dict[str, Any]) -> None:
        """Raises TooMany."""
        if scope["path"].startswith(_PROVE_THEMSELVES) or self._signed(scope):
            return
        client = scope.get("client")
        await note_unauthenticated(self._store, client[0] if client else "unknown")

    def _signed(self, scope: dict[str, Any]) -> bool:
        """Whether an access token of ours came along; whether its session still lives is seen later."""
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"").decode("latin-1")
        scheme, _, token = given.partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            self._signer.read(token.strip(), self._clock.now())
        except BadToken:
            return False
        return True
