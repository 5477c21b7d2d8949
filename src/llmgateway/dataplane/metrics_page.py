"""GET /metrics: for Prometheus on this machine, or for whoever has the token."""

import hmac
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from llmgateway.dataplane.inbound import credential
from llmgateway.dataplane.reply import Reply
from llmgateway.errors import Forbidden, Unauthorized
from llmgateway.kit.metrics import CONTENT_TYPE, Metrics

_OF_A_PROXY: Final = frozenset({"x-forwarded-for", "forwarded", "x-real-ip", "via"})
"""Headers that say that the one who connects speaks for somebody else."""


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """The figures of this process and those beside it."""

    metrics: Metrics
    look: Callable[[], None]
    """Brings the gauges up to date."""
    token: str | None = field(repr=False)

    async def serve(self, headers: Mapping[str, str], address: str, reply: Reply) -> None:
        """Answer a GET. Raises Forbidden, Unauthorized."""
        self._admit(headers, address)
        self.look()
        await reply.whole(200, self.metrics.page(), content_type=CONTENT_TYPE)

    def _admit(self, headers: Mapping[str, str], address: str) -> None:
        given = credential(headers)
        if given is not None and self.token is not None:
            if not hmac.compare_digest(given.encode(), self.token.encode()):
                raise Unauthorized("This is not the token of LLMGATEWAY_METRICS_TOKEN. Send it as a bearer token.")
            return
        # A proxy on this machine also connects from the loopback, and speaks for the world.
        if not _is_loopback(address) or _OF_A_PROXY & headers.keys():
            raise Forbidden(
                "/metrics answers on this machine's loopback only. Set LLMGATEWAY_METRICS_TOKEN and send it as a "
                "bearer token.",
                code="address_denied",
            )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
