"""What the scripts in Redis are told of claims, and what they answer: JSON, written and read in C."""

from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from llmgateway.kit.store import LEASE_SECONDS, Claim, Counter, Gauge, Reading, Verdict

HeldClaim = tuple[str, str, str, str]
"""Kind, name, key and what was reserved, as the script wrote them."""


class HeldTicket(NamedTuple):
    """What a ticket of this process holds."""

    key: str
    listed: str | None
    """Where it is listed; None when it holds no counters."""
    claims: Sequence[Claim]
    readings: Sequence[Reading]
    """Of the claims, in their order."""


written: Final = msgspec.json.Encoder().encode
"""Claims, or anything else that a script is told, as JSON."""


def kept_alive(ticket: str, held: HeldTicket, prefix: str, dead: str) -> Iterator[tuple[str, ...]]:
    """What a server is told to keep its gauges and its place in the list until then: milliseconds.

    In a gauge it stands as the scripts write it: once a unit.
    """
    for claim in held.claims:
        if isinstance(claim, Gauge):
            names = [ticket, *(f"{ticket}|{unit}" for unit in range(2, claim.cost + 1))]
            yield ("ZADD", prefix + claim.key, "XX", *(part for name in names for part in (dead, name)))
            yield ("EXPIRE", prefix + claim.key, str(LEASE_SECONDS * 2))
    if held.listed is not None:
        yield ("ZADD", held.listed, "XX", dead, held.key)


def held_anew(ticket: HeldTicket, prefix: str, epoch: str) -> Sequence[HeldClaim]:
    """What a server that lost the ticket must hold for it again: of windows nothing, they begin anew."""
    claims: list[HeldClaim] = []
    for claim, reading in zip(ticket.claims, ticket.readings, strict=True):
        if isinstance(claim, Counter):
            claims.append(("c", claim.key, f"{prefix}{claim.key}@{epoch}", str(reading.reserved)))
        elif isinstance(claim, Gauge):
            claims.append(("g", claim.key, prefix + claim.key, str(claim.cost)))
    return claims


class _Answer(msgspec.Struct, array_like=True):
    """Of the script that admits."""

    admitted: bool
    now: int
    readings: tuple[Reading, ...]
    flags: tuple[str, ...]
    """One a claim: `refused`, `held`, `unknown`, or nothing."""


_read: Final = msgspec.json.Decoder(_Answer).decode


def script(name: str) -> str:
    """Its source, behind what all scripts of the store begin with."""
    package = files("llmgateway.kit")
    return "".join(package.joinpath(f"redis_{part}.lua").read_text("utf-8") for part in ("common", name))


def near_of(names: Iterable[str]) -> str:
    """The braces that names begin with, or nothing."""
    for name in names:
        if name.startswith("{"):
            return name[: name.find("}") + 1]
    return ""


def verdict_of(text: str, claims: Sequence[Claim]) -> Verdict:
    """The answer of the script that admits. Raises msgspec.MsgspecError for what is none."""
    answer = _read(text)
    if answer.admitted:
        return Verdict(True, answer.now / 1000, answer.readings)
    refused: list[int] = []
    held: list[int] = []
    unknown: list[str] = []
    for place, (claim, flag) in enumerate(zip(claims, answer.flags, strict=True)):
        if flag in {"refused", "held"}:
            refused.append(place)
            held += [place] if flag == "held" else []
        elif flag == "unknown":
            unknown.append(claim.key)
            if isinstance(claim, Counter) and claim.cost > claim.limit:
                refused.append(place)
    return Verdict(False, answer.now / 1000, answer.readings, tuple(refused), tuple(held), tuple(unknown))
