"""The page: a request's journey through the data plane, step by step. Start reading here."""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import msgspec
import structlog

from llmgateway.canon.call import Call, Operation
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import Outcome
from llmgateway.dataplane.admit import policy
from llmgateway.dataplane.admit.bidding import needed
from llmgateway.dataplane.body import LargeBodies
from llmgateway.dataplane.dialects.openai.completions import TextDialect, as_chat
from llmgateway.dataplane.dispatch.dispatcher import Dispatcher
from llmgateway.dataplane.dispatch.rescue import RescuedStream
from llmgateway.dataplane.inbound import Inbound
from llmgateway.dataplane.keys import Keys
from llmgateway.dataplane.lookup.cache import CachedAnswer, Look, ResponseCache
from llmgateway.dataplane.lookup.collector import Collector, can_be_collected
from llmgateway.dataplane.lookup.replay import Replay, answer_of
from llmgateway.dataplane.observe.tracing import Trace, Tracing
from llmgateway.dataplane.plan.router import Router, operation_allowed
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.sandbox.fault_slots import FaultSlots
from llmgateway.dataplane.watch import delivery
from llmgateway.dataplane.watch.delivery import Audience
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.meter import Meter
from llmgateway.errors import (
    BadRequest,
    Forbidden,
    InternalFault,
    PaymentRequired,
    Problem,
    TooMany,
    Unavailable,
    UpstreamFailed,
)
from llmgateway.kit.log import speak_of

CLIENT_LEFT = 499
_FIGURES_SECONDS: Final = 2.0
"""When the caller left at the end of an answer, how long its usage is waited for."""
_OUR_FAULT = "The gateway made a mistake with this request; nothing was charged. Tell its operator the id {}."
_NOT_HANDED_OVER = (
    "The gateway could not hand over the answer to this request; GET /v1/requests/{0} tells what was charged. "
    "Tell its operator the id {0}."
)

_ENDING = (
    "This process ends, and the answer took longer than it may wait. Send the request again: another process takes it."
)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of the data plane that a request passes through; built once on floor 4."""

    keys: Keys
    router: Router
    dispatcher: Dispatcher
    instruments: Instruments
    cache: ResponseCache
    bodies: LargeBodies
    tracing: Tracing
    keepalive: float
    """Seconds of silence before a keepalive goes out."""
    faults: FaultSlots = field(default_factory=FaultSlots)


async def serve(services: Services, inbound: Inbound, reply: Reply) -> None:
    """Serve one request, from its key to its last byte. Once the key is known, exactly one usage event is written."""
    visit = _Visit(
        services, inbound, reply, services.tracing.begin(inbound.operation, inbound.headers, reply.request_id)
    )
    try:
        await _journey(visit)
    except Problem as problem:
        await _fail(visit, problem)
    except Exception:
        # The edge of the data plane: a fault of our own is logged, and then told and settled like any other failure.
        log.exception("a request failed inside the gateway", request_id=reply.request_id)
        words = _NOT_HANDED_OVER if visit.meter is not None and visit.meter.settled else _OUR_FAULT
        await _fail(visit, InternalFault(words.format(reply.request_id)))
    except asyncio.CancelledError:
        await _cancelled(visit)
        raise
    finally:
        await reply.stop_keepalive()
        visit.trace.end()


@dataclass(slots=True)
class _Visit:
    """One request on its journey, as far as the ends of the journey need to know it."""

    services: Services
    inbound: Inbound
    reply: Reply
    trace: Trace
    meter: Meter | None = None
    """None until the key is known."""


async def _journey(visit: _Visit) -> None:
    """The journey's first step, identify, and its body; the other steps follow. Raises the Problem that ends it."""
    services, inbound, reply, trace = visit.services, visit.inbound, visit.reply, visit.trace
    trace.at("identify")
    key = await services.keys.identify(inbound.secret, inbound.address)
    _identify_in_logs(key, reply.request_id, trace)
    meter = Meter(services.instruments, trace, reply.request_id, key, inbound.operation, inbound.dialect.id)
    visit.meter = meter
    body = inbound.unpacked()
    with services.bodies.holding(key.org.id, len(body)):
        call = inbound.read(body)
        del body  # the call holds all of it; two copies of a large body are one too many
        await _serve_call(visit, key, meter, call)


async def _serve_call(visit: _Visit, key: KeySnapshot, meter: Meter, call: Call) -> None:
    """The steps from admit on: reserve, look into the cache, and ask a provider if there is no hit."""
    services, inbound, reply, trace = visit.services, visit.inbound, visit.reply, visit.trace
    _authorise(key, call)
    trace.at("admit")
    prompt_tokens = meter.count_prompt(call)
    policy.check(key.org.policy, call, prompt_tokens)
    uncharged = await _admit(services, key, meter, call)
    trace.at("lookup")
    async with services.cache.looking(call, key) as look:
        meter.looked_up(look)
        reply.until_unneeded = partial(_until_unneeded, look, meter)
        audience = Audience(call, inbound.dialect, meter, reply, look, trace)
        if look.entry is not None:
            await _serve_cached(look.entry, audience)
            return
        with services.faults.slot(key.org.id, call.wishes.fault):
            await _ask_providers(services, key, audience, uncharged=uncharged)


async def _admit(services: Services, key: KeySnapshot, meter: Meter, call: Call) -> bool:
    """Reserve what the call may use. Returns whether it may use only what costs its organisation nothing, for want of credit.

    Raises TooMany, PaymentRequired and Unavailable.
    """
    try:
        await meter.admit(needed(services.router, call, key, meter.prompt_tokens))
    except (PaymentRequired, TooMany) as refusal:
        if refusal.code != "insufficient_credit" or not services.router.serves_uncharged(call, key):
            raise
        await meter.admit(needed(services.router, call, key, meter.prompt_tokens, uncharged=True))
        return True
    return False


async def _until_unneeded(look: Look, meter: Meter) -> None:
    """After the caller left: wait until nobody else waits for the same answer, and the provider had time to tell its usage."""
    await look.until_nobody_waits()
    if meter.finished:
        await asyncio.sleep(_FIGURES_SECONDS)


async def _serve_cached(entry: CachedAnswer, audience: Audience) -> None:
    """A cache hit: the kept answer goes out, and no provider is asked."""
    audience.trace.at("watch")
    if audience.call.stream and audience.call.operation is Operation.CHAT:
        await delivery.stream(Replay(entry), audience)
    else:
        await delivery.whole(answer_of(entry), audience)


async def _ask_providers(services: Services, key: KeySnapshot, audience: Audience, *, uncharged: bool) -> None:
    """The steps plan, dispatch and watch."""
    if audience.call.operation is Operation.COMPLETIONS and not services.router.completes(audience.call, key):
        audience = msgspec.structs.replace(audience, call=as_chat(audience.call), dialect=TextDialect())
    call, meter, reply = audience.call, audience.meter, audience.reply
    audience.trace.at("plan")
    plan = services.router.plan(call, key, meter.prompt_tokens, uncharged=uncharged)
    meter.planned(plan)
    if not plan.targets:
        await delivery.whole(meter.counted_here(), audience)
        return
    if call.stream and not call.wishes.silenced:
        reply.keep_alive(services.keepalive, audience.dialect.keepalive(), meter.headers())
    asking = services.dispatcher.asking(call, plan, meter, key.org.id)
    audience.trace.at("dispatch")
    served = await asking.first()
    audience.trace.at("watch")
    if served.stream is not None:
        keeps = audience.look is not None and audience.look.keeps and can_be_collected(call, served.target)
        collector = Collector(call) if keeps else None
        running = delivery.stream(RescuedStream(asking, served, served.stream), audience, collector)
        await asyncio.create_task(running)  # else each chunk would wake all who wait for its end, one through the other
    elif served.answer is not None:
        await reply.stop_keepalive()
        await delivery.whole(served.answer, audience, served.target)


async def _cancelled(visit: _Visit) -> None:
    """The task was cancelled: because the caller left, or because the process ends, and then the caller is told."""
    meter, reply = visit.meter, visit.reply
    if reply.left:
        if meter is not None:
            await meter.settle(Outcome.ABANDONED, 200 if reply.started else CLIENT_LEFT)
    elif meter is None or not meter.settled:  # the caller already has all of a settled answer
        await _fail(visit, Unavailable(_ENDING, code="draining", retry_after=1))


async def _fail(visit: _Visit, problem: Problem) -> None:
    """Settle a request that failed and tell its caller, in its dialect; as an event of the stream when the status is already out."""
    inbound, meter, reply = visit.inbound, visit.meter, visit.reply
    await reply.stop_keepalive()
    headers = list(problem.headers)
    if meter is not None:
        failed = meter.attempts or isinstance(problem, UpstreamFailed | InternalFault)
        outcome = Outcome.FAILED if failed else Outcome.REFUSED
        try:
            await meter.settle(outcome, problem.http_status, problem)
        except Problem as worse:  # the event could not be written: the caller is told that instead
            problem = worse
        headers += meter.headers()
    else:
        visit.services.instruments.turned_away(problem, reply.request_id)
    visit.trace.refused(problem)
    if problem.retry_after is not None:
        headers.append(("retry-after", str(problem.retry_after)))
    if meter is not None and meter.severed:
        await reply.break_off()
    elif reply.started:
        await reply.end_stream(inbound.dialect.failure(problem, reply.request_id))
    else:
        await reply.whole(problem.http_status, inbound.dialect.error(problem, reply.request_id), headers)


def _identify_in_logs(key: KeySnapshot, request_id: str, trace: Trace) -> None:
    """From here on the trace and the log lines of this request carry its ids."""
    trace.identified(key)
    ids = {"request_id": request_id, "org_id": key.org.id, "key_id": key.id}
    speak_of({**ids, "trace_id": trace.id} if trace.id else ids)


def _authorise(key: KeySnapshot, call: Call) -> None:
    """Check that the key may make this call, before anything is reserved. Raises Forbidden or BadRequest."""
    if not operation_allowed(key, call.operation):
        raise Forbidden(f"This key may not use {call.operation}. Ask an admin to add the scope `{call.operation}`.")
    if call.wishes.fault is not None and not key.test:
        raise BadRequest(
            "x-llmgateway-fault works with test keys (lgw_test_...) only. Leave the header out or use a test key.",
            param="x-llmgateway-fault",
        )
