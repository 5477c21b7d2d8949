"""The page: a request's journey, step by step."""

import asyncio
from dataclasses import dataclass

import structlog

from llmgateway.canon.call import Call
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.contract.usage import Outcome
from llmgateway.dataplane import watch
from llmgateway.dataplane.dispatch import Dispatcher
from llmgateway.dataplane.inbound import Inbound
from llmgateway.dataplane.keys import Keys
from llmgateway.dataplane.meter import Instruments, Meter
from llmgateway.dataplane.reply import Reply
from llmgateway.dataplane.rescue import RescuedStream
from llmgateway.dataplane.router import Router, operation_allowed
from llmgateway.errors import BadRequest, Forbidden, InternalFault, Problem

CLIENT_LEFT = 499
_OUR_FAULT = "The gateway made a mistake with this request; nothing was charged. Tell its operator the id {}."

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What the journey passes through; built once on floor 4."""

    keys: Keys
    router: Router
    dispatcher: Dispatcher
    instruments: Instruments
    keepalive: float
    """Seconds of silence before a keepalive goes out."""


async def serve(rooms: Rooms, inbound: Inbound, reply: Reply) -> None:
    """One request, from its key to its last byte. Whatever happens after the key is known leaves one event."""
    meter: Meter | None = None
    try:
        key = await rooms.keys.identify(inbound.secret, inbound.address)  # identify
        meter = Meter(rooms.instruments, reply.request_id, key, inbound.operation, inbound.dialect.id)
        call = inbound.read()
        _authorise(key, call)
        await meter.admit(call)  # admit; the cache is not looked up yet: `bypass`
        plan = rooms.router.plan(call, key, meter.prompt_tokens)  # plan
        meter.plans(plan)
        if not plan.targets:
            await watch.whole(meter.counted(), call, inbound.dialect, meter, reply)
            return
        if call.stream:
            reply.keep_alive(rooms.keepalive, inbound.dialect.keepalive(), meter.headers())
        asking = rooms.dispatcher.asking(call, plan, meter)
        served = await asking.first()  # dispatch
        await reply.hush()
        if served.stream is not None:
            running = RescuedStream(asking, served, served.stream)
            await watch.stream(running, call, inbound.dialect, meter, reply)  # watch
        elif served.answer is not None:
            await watch.whole(served.answer, call, inbound.dialect, meter, reply)
    except Problem as problem:
        await _fail(problem, inbound, meter, reply)
    except Exception:
        # The edge of the data plane: a fault of our own is logged, told, and settled like any other failure.
        log.exception("a request failed inside the gateway", request_id=reply.request_id)
        await _fail(InternalFault(_OUR_FAULT.format(reply.request_id)), inbound, meter, reply)
    except asyncio.CancelledError:
        if meter is not None:
            await meter.settle(Outcome.ABANDONED, 200 if reply.started else CLIENT_LEFT)
        raise
    finally:
        await reply.hush()


async def _fail(problem: Problem, inbound: Inbound, meter: Meter | None, reply: Reply) -> None:
    """Tell the caller in its dialect; as an event when the status is already out."""
    await reply.hush()
    headers = list(problem.headers)
    if meter is not None:
        outcome = Outcome.FAILED if meter.attempts else Outcome.REFUSED
        await meter.settle(outcome, problem.http_status, problem.code)
        headers += meter.headers()
    if problem.retry_after is not None:
        headers.append(("retry-after", str(problem.retry_after)))
    if reply.started:
        await reply.end_stream(inbound.dialect.failure(problem, reply.request_id))
    else:
        await reply.whole(problem.http_status, inbound.dialect.error(problem, reply.request_id), headers)


def _authorise(key: KeySnapshot, call: Call) -> None:
    """What the key may do, before anything is reserved. Raises Forbidden or BadRequest."""
    if not operation_allowed(key, call.operation):
        raise Forbidden(f"This key may not use {call.operation}. Ask an admin to add the scope `{call.operation}`.")
    if call.wishes.fault is not None and not key.test:
        raise BadRequest(
            "x-llmgateway-fault works with test keys (lgw_test_...) only. Leave the header out or use a test key.",
            param="x-llmgateway-fault",
        )
