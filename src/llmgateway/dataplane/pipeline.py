"""The page: a request's journey, step by step."""

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
from llmgateway.dataplane.lookup.cache import Collector, Entry, Look, ResponseCache, can_be_collected
from llmgateway.dataplane.lookup.replay import Replay, answer_of
from llmgateway.dataplane.observe.tracing import Trace, Tracing
from llmgateway.dataplane.plan.router import Router, operation_allowed
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.sandbox.places import FaultPlaces
from llmgateway.dataplane.watch import delivery
from llmgateway.dataplane.watch.delivery import Audience
from llmgateway.dataplane.watch.instruments import Instruments
from llmgateway.dataplane.watch.meter import Meter
from llmgateway.errors import BadRequest, Forbidden, InternalFault, Problem, Unavailable, UpstreamFailed
from llmgateway.kit.log import speak_of

CLIENT_LEFT = 499
_FIGURES_SECONDS: Final = 2.0
"""How long the figures of an answer are waited for whose caller left at its end."""
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
class Rooms:
    """What the journey passes through; built once on floor 4."""

    keys: Keys
    router: Router
    dispatcher: Dispatcher
    instruments: Instruments
    cache: ResponseCache
    bodies: LargeBodies
    tracing: Tracing
    keepalive: float
    """Seconds of silence before a keepalive goes out."""
    faults: FaultPlaces = field(default_factory=FaultPlaces)


async def serve(rooms: Rooms, inbound: Inbound, reply: Reply) -> None:
    """One request, from its key to its last byte. Whatever happens after the key is known leaves one event."""
    visit = _Visit(rooms, inbound, reply, rooms.tracing.begin(inbound.operation, inbound.headers, reply.request_id))
    try:
        await _journey(visit)
    except Problem as problem:
        await _fail(visit, problem)
    except Exception:
        # The edge of the data plane: a fault of our own is logged, told, and settled like any other failure.
        log.exception("a request failed inside the gateway", request_id=reply.request_id)
        words = _NOT_HANDED_OVER if visit.meter is not None and visit.meter.settled else _OUR_FAULT
        await _fail(visit, InternalFault(words.format(reply.request_id)))
    except asyncio.CancelledError:
        await _cancelled(visit)
        raise
    finally:
        await reply.hush()
        visit.trace.end()


@dataclass(slots=True)
class _Visit:
    """One request on its journey."""

    rooms: Rooms
    inbound: Inbound
    reply: Reply
    trace: Trace
    meter: Meter | None = None
    """From the moment its key is known."""


async def _journey(visit: _Visit) -> None:
    """The steps, in their order. Raises the Problem that ends it."""
    rooms, inbound, reply, trace = visit.rooms, visit.inbound, visit.reply, visit.trace
    trace.at("identify")
    key = await rooms.keys.identify(inbound.secret, inbound.address)
    _speak_of(key, reply.request_id, trace)
    meter = Meter(rooms.instruments, trace, reply.request_id, key, inbound.operation, inbound.dialect.id)
    visit.meter = meter
    body = inbound.unpacked()
    with rooms.bodies.holding(key.org.id, len(body)):
        call = inbound.read(body)
        del body  # the call has what it said
        await _serve(visit, key, meter, call)


async def _serve(visit: _Visit, key: KeySnapshot, meter: Meter, call: Call) -> None:
    """From the call on."""
    rooms, inbound, reply, trace = visit.rooms, visit.inbound, visit.reply, visit.trace
    _authorise(key, call)
    trace.at("admit")
    prompt_tokens = meter.count_prompt(call)
    policy.check(key.org.policy, call, prompt_tokens)
    await meter.admit(needed(rooms.router, call, key, prompt_tokens))
    trace.at("lookup")
    async with rooms.cache.looking(call, key) as look:
        meter.looked_up(look)
        reply.unneeded = partial(_unneeded, look, meter)
        audience = Audience(call, inbound.dialect, meter, reply, look, trace)
        if look.entry is not None:
            await _again(look.entry, audience)
            return
        with rooms.faults.place(key.org.id, call.wishes.fault):
            await _ask(rooms, key, audience)


async def _unneeded(look: Look, meter: Meter) -> None:
    """Until an answer whose caller left is needed no more: by others who wait for the same, and to tell what it used."""
    await look.alone()
    if meter.finished:
        await asyncio.sleep(_FIGURES_SECONDS)


async def _again(entry: Entry, audience: Audience) -> None:
    """A hit: nobody is asked."""
    audience.trace.at("watch")
    if audience.call.stream and audience.call.operation is Operation.CHAT:
        await delivery.stream(Replay(entry), audience)
    else:
        await delivery.whole(answer_of(entry), audience)


async def _ask(rooms: Rooms, key: KeySnapshot, audience: Audience) -> None:
    """The rest of the journey: to the providers and back."""
    if audience.call.operation is Operation.COMPLETIONS and not rooms.router.completes(audience.call, key):
        audience = msgspec.structs.replace(audience, call=as_chat(audience.call), dialect=TextDialect())
    call, meter, reply = audience.call, audience.meter, audience.reply
    audience.trace.at("plan")
    plan = rooms.router.plan(call, key, meter.prompt_tokens)
    meter.planned(plan)
    if not plan.targets:
        await delivery.whole(meter.counted_here(), audience)
        return
    if call.stream and not call.wishes.silenced:
        reply.keep_alive(rooms.keepalive, audience.dialect.keepalive(), meter.headers())
    asking = rooms.dispatcher.asking(call, plan, meter, key.org.id)
    audience.trace.at("dispatch")
    served = await asking.first()
    audience.trace.at("watch")
    if served.stream is not None:
        keeps = audience.look is not None and audience.look.keeps and can_be_collected(call, served.target)
        collector = Collector(call) if keeps else None
        await delivery.stream(RescuedStream(asking, served, served.stream), audience, collector)
    elif served.answer is not None:
        await reply.hush()
        await delivery.whole(served.answer, audience, served.target)


async def _cancelled(visit: _Visit) -> None:
    """The caller left, or the process ends and waits no longer: then who still listens is told."""
    meter, reply = visit.meter, visit.reply
    if reply.left:
        if meter is not None:
            await meter.settle(Outcome.ABANDONED, 200 if reply.started else CLIENT_LEFT)
    elif meter is None or not meter.settled:  # a settled answer has its last bytes already
        await _fail(visit, Unavailable(_ENDING, code="draining", retry_after=1))


async def _fail(visit: _Visit, problem: Problem) -> None:
    """Tell the caller in its dialect; as an event when the status is already out."""
    inbound, meter, reply = visit.inbound, visit.meter, visit.reply
    await reply.hush()
    headers = list(problem.headers)
    if meter is not None:
        failed = meter.attempts or isinstance(problem, UpstreamFailed | InternalFault)
        outcome = Outcome.FAILED if failed else Outcome.REFUSED
        try:
            await meter.settle(outcome, problem.http_status, problem)
        except Problem as worse:  # its record has no room: that is what the caller is told
            problem = worse
        headers += meter.headers()
    else:
        visit.rooms.instruments.turned_away(problem, reply.request_id)
    visit.trace.refused(problem)
    if problem.retry_after is not None:
        headers.append(("retry-after", str(problem.retry_after)))
    if meter is not None and meter.severed:
        await reply.break_off()
    elif reply.started:
        await reply.end_stream(inbound.dialect.failure(problem, reply.request_id))
    else:
        await reply.whole(problem.http_status, inbound.dialect.error(problem, reply.request_id), headers)


def _speak_of(key: KeySnapshot, request_id: str, trace: Trace) -> None:
    trace.identified(key)
    ids = {"request_id": request_id, "org_id": key.org.id, "key_id": key.id}
    speak_of({**ids, "trace_id": trace.id} if trace.id else ids)


def _authorise(key: KeySnapshot, call: Call) -> None:
    """What the key may do, before anything is reserved. Raises Forbidden or BadRequest."""
    if not operation_allowed(key, call.operation):
        raise Forbidden(f"This key may not use {call.operation}. Ask an admin to add the scope `{call.operation}`.")
    if call.wishes.fault is not None and not key.test:
        raise BadRequest(
            "x-llmgateway-fault works with test keys (lgw_test_...) only. Leave the header out or use a test key.",
            param="x-llmgateway-fault",
        )
