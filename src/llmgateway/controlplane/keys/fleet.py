"""How the paths to providers are doing in all processes that ask them: told by each, read together."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final

import msgspec
from sqlalchemy import ARRAY, Text, cast, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.contract.channels import PathHealth
from llmgateway.controlplane.reception.deadlines import answered_within
from llmgateway.db.session import Database

_DEADLINE_SECONDS: Final = 3.0
_TELL: Final = text("SELECT tell_health(:process, CAST(:paths AS jsonb))")
_WORST_FIRST: Final = ("open", "half_open", "closed")


class HealthBook:
    """The contract's HealthSink, over a database that acts as `data`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, process: str, paths: Sequence[PathHealth]) -> None:
        """Store how the paths do in a process. Raises SourceUnavailable."""
        encoded = msgspec.json.encode(paths).decode()
        async with answered_within(_DEADLINE_SECONDS), self._database.transaction() as tx:
            await tx.execute(_TELL, {"process": process, "paths": encoded})


@dataclass(frozen=True, slots=True)
class FleetPath:
    """One path, over all processes that asked it."""

    path: PathHealth
    """With the worst state and its reason; times and speeds are means."""
    processes: int
    """How many asked it."""
    troubled: int
    """In how many of these it is not well."""

    @property
    def words(self) -> str:
        """For people: `well`, or what is wrong and how far."""
        if not self.troubled:
            return "well"
        where = "" if self.processes == 1 else f" in {self.troubled} of {self.processes} processes"
        return f"{self.path.state}{where}: {self.path.why}"


async def told(tx: AsyncSession, credentials: Iterable[str]) -> list[FleetPath]:
    """The paths of these credentials, as processes told of them in the last 45 seconds; as `app`."""
    wanted = literal(sorted(credentials), ARRAY(Text))
    found = await tx.scalar(select(cast(func.health_of(wanted), Text)))
    same = defaultdict[tuple[str, str | None], list[PathHealth]](list)
    for path in msgspec.json.decode(found or "[]", type=list[PathHealth]):
        same[path.credential, path.model].append(path)
    return [_together(paths) for paths in same.values()]


def _together(paths: Sequence[PathHealth]) -> FleetPath:
    worst = min(paths, key=lambda path: _WORST_FIRST.index(path.state))
    first = [path.first_token_seconds for path in paths if path.first_token_seconds is not None]
    speed = [path.tokens_per_second for path in paths if path.tokens_per_second is not None]
    path = PathHealth(
        credential=worst.credential,
        model=worst.model,
        state=worst.state,
        why=worst.why,
        first_token_seconds=fmean(first) if first else None,
        tokens_per_second=fmean(speed) if speed else None,
    )
    return FleetPath(path, len(paths), sum(one.state != "closed" for one in paths))
