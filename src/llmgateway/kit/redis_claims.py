"""What the scripts in Redis are told of claims, and what they answer."""

from collections.abc import Sequence

from llmgateway.kit.store import Claim, Counter, Gauge, Reading, Verdict, Window

HeldClaim = tuple[str, str, str, str]
"""Kind, name, key and what was reserved, as the script wrote them."""


def near_of(names: Sequence[str]) -> str:
    """The braces that names begin with, or nothing."""
    first = next((name for name in names if name.startswith("{")), "")
    return first[: first.find("}") + 1]


def written(claim: Claim, prefix: str, epoch: str) -> tuple[str, list[str]]:
    """A claim's key, and the arguments that tell of it."""
    key = prefix + claim.key
    limits = [f"{claim.limit:d}", f"{claim.cost:d}"]
    if isinstance(claim, Window):
        return key, ["w", *limits, f"{claim.stretch:d}", f"{claim.seconds * 1000:d}", claim.key]
    if isinstance(claim, Gauge):
        return key, ["g", *limits, "0", "0", claim.key]
    return f"{key}@{epoch}", ["c", *limits, f"{claim.stretch:d}", "0", claim.key]


def verdict_of(answer: Sequence[str], claims: Sequence[Claim]) -> Verdict:
    """The answer of the script that admits."""
    admitted, now, *rest = answer
    readings, refused, held, unknown = list[Reading](), list[int](), list[int](), list[str]()
    for place, claim in enumerate(claims):
        used, reserved, current, previous, flag = rest[place * 5 : place * 5 + 5]
        readings.append(Reading(int(used), int(reserved), int(current), int(previous)))
        if flag in {"refused", "held"}:
            refused.append(place)
            held += [place] if flag == "held" else []
        elif flag == "unknown":
            unknown.append(claim.key)
            if isinstance(claim, Counter) and claim.cost > claim.limit:
                refused.append(place)
    return Verdict(admitted == "1", int(now) / 1000, tuple(readings), tuple(refused), tuple(held), tuple(unknown))
