"""One attempt at one target: write the request, send it, and understand the answer. Nothing is decided here about other targets."""

from collections.abc import Callable, Mapping
from enum import Enum

import msgspec

from llmgateway.canon.call import Call, Dialect, Operation
from llmgateway.dataplane.dispatch.assembly import Assembly
from llmgateway.dataplane.dispatch.live import LiveStream
from llmgateway.dataplane.dispatch.token_source import TokenSource
from llmgateway.dataplane.plan.hosts import Sealed
from llmgateway.dataplane.plan.targets import Target
from llmgateway.errors import BadRequest, FailureKind, ProviderError
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import CannotOpen
from llmgateway.kit.http import Exchange, HttpError, Transport, Trouble
from llmgateway.kit.vault import Vault
from llmgateway.kit.watchdog import Watchdog
from llmgateway.providers.base import Answer, Place, Step, UpstreamReply, UpstreamRequest

_SECRETS = msgspec.json.Decoder(dict[str, str])

Listener = Callable[[Step], None]
"""Called with each step of an answer that is assembled here."""


class Manner(Enum):
    """How a target is asked, and how its answer is read."""

    AS_IT_CAME = "as it came"
    """As the caller asked: streamed or whole, and in the provider's own frames where the caller speaks its dialect."""
    ASSEMBLED = "assembled"
    """As a stream that is assembled here for a caller who waits for the whole: so a silent provider is noticed within seconds."""
    TRANSLATED = "translated"
    """As a stream of canonical chunks: it goes on where another target's stream broke off."""


class Served(msgspec.Struct, frozen=True):
    """A target that has answered: with a whole answer, or with a stream whose first content has come."""

    target: Target
    answer: Answer | None
    stream: LiveStream | None


class Asker:
    """Sends attempts, for all requests of this process."""

    def __init__(self, transports: Mapping[str, Transport], clock: Clock, vault: Vault) -> None:
        self._transports = transports
        """URL scheme -> transport; `guarded` for addresses that tenants wrote."""
        self._vault = vault
        self._clock = clock
        self._tokens = TokenSource(transports, clock)

    async def request(self, call: Call, target: Target, manner: Manner) -> UpstreamRequest:
        """Write the request for the target. Raises ProviderError."""
        credential = target.credential
        secrets = credential.secrets if credential.sealed is None else self._opened(credential.sealed)
        if credential.grant is not None:
            secrets = {**secrets, "token": await self._tokens.token(credential.id, credential.grant)}
        place = Place(
            model=target.model,
            base_url=target.host.base_url,
            secrets=secrets,
            options=target.host.options,
            stream=call.stream or manner is not Manner.AS_IT_CAME,
            now=self._clock.now(),
            dropped=target.dropped,
        )
        try:
            return target.provider.build(call, place)
        except BadRequest as error:
            param = error.param and call.in_body(error.param)
            raise ProviderError(
                FailureKind.BAD_REQUEST, error.message, status=400, code=error.code, param=param
            ) from error

    def _opened(self, sealed: Sealed) -> Mapping[str, str]:
        """Open a tenant's secrets for this one attempt. Raises ProviderError."""
        try:
            plain = self._vault.open(sealed.data_key, sealed.org_id, sealed.about, sealed.content)
        except CannotOpen as error:
            raise ProviderError(
                FailureKind.AUTH, "This organisation's own credential cannot be opened. Enter it anew.", status=None
            ) from error
        return _SECRETS.decode(plain)

    async def send(
        self,
        request: UpstreamRequest,
        call: Call,
        target: Target,
        manner: Manner,
        *,
        seconds: float,
        listener: Listener,
    ) -> Served:
        """Send the request and wait for the whole answer, or for the first content of a stream. Raises ProviderError."""
        transport = self._transports["guarded" if target.host.guarded else request.url.partition(":")[0]]
        dog = Watchdog()
        try:
            with dog.within(seconds):
                exchange = await transport.send(
                    request.method,
                    request.url,
                    request.headers,
                    request.body,
                    connect_seconds=target.timeouts.connect,
                )
                served = await _understand(exchange, call, target, manner)
        except TimeoutError as error:
            title = target.provider.title
            raise ProviderError(FailureKind.TIMEOUT, f"{title} did not answer within {seconds:g} s.") from error
        except HttpError as error:
            raise _unreachable(error, target.provider.title) from error
        except RecursionError as error:
            said = f"{target.provider.title} sent an answer that is nested too deeply."
            raise ProviderError(FailureKind.PROTOCOL, said) from error
        finally:
            dog.close()
        if manner is Manner.ASSEMBLED and served.stream is not None:
            return Served(target, await _assembled(served.stream, call, target, listener), None)
        return served


def can_be_assembled(call: Call) -> bool:
    """Whether a whole answer may be asked for as a stream: only chat may, and not when the answer is audio."""
    return call.operation is Operation.CHAT and not call.canon.get("audio")


async def _understand(exchange: Exchange, call: Call, target: Target, manner: Manner) -> Served:
    """The answer of an exchange, which only a running stream keeps open. Raises ProviderError and HttpError."""
    provider, kept = target.provider, False
    try:
        if not 200 <= exchange.status < 300:
            raise _told(
                provider.classify(UpstreamReply(exchange.status, exchange.headers, await exchange.read())), call, target
            )
        if not call.stream and manner is Manner.AS_IT_CAME:
            return Served(
                target,
                provider.read(call, UpstreamReply(exchange.status, exchange.headers, await exchange.read())),
                None,
            )
        own = manner is Manner.AS_IT_CAME or (manner is Manner.ASSEMBLED and provider.join(call) is not None)
        native = own and provider.speaks(call)
        passes = manner is Manner.AS_IT_CAME and (native or call.dialect is Dialect.OPENAI)
        decoder = provider.decoder(call, native=native)
        stream = LiveStream(exchange, decoder, target.timeouts, native=native, passes=passes)
        await stream.first_content()
        kept = True
        return Served(target, None, stream)
    finally:
        if not kept:
            exchange.close()


def _told(error: ProviderError, call: Call, target: Target) -> ProviderError:
    """A refusal with its field as the caller wrote it: a provider that was asked in other words names it in those."""
    if error.param and not target.provider.speaks(call):
        error.param = call.in_body(error.param)
    return error


async def _assembled(stream: LiveStream, call: Call, target: Target, listener: Listener) -> Answer:
    """The whole answer of a stream: put together in canon, or joined out of the provider's own frames where it can be."""
    assembly, join = Assembly(), target.provider.join(call)
    own: list[Step] = []
    keep = assembly.add if join is None else own.append
    try:
        while steps := await stream.next():
            for step in steps:
                listener(step)
                if join is None or b"data:" in step.raw:  # a comment says nothing, and the smallest take much room
                    keep(step)
        await stream.release()
    finally:
        stream.close()
    return assembly.answer() if join is None else target.provider.read(call, UpstreamReply(200, {}, join(own)))


def _unreachable(error: HttpError, title: str) -> ProviderError:
    if error.trouble is Trouble.CONNECT_TIMEOUT:
        return ProviderError(FailureKind.TIMEOUT, f"{title} could not be reached in time: {error.message}")
    if error.trouble is Trouble.PROTOCOL:
        return ProviderError(FailureKind.PROTOCOL, f"{title} sent what is no HTTP: {error.message}")
    return ProviderError(FailureKind.CONNECTION, f"{title} could not be reached: {error.message}")
