"""/orgs/{org}/cache: what is kept of the organisation's answers, and forgetting it."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from llmgateway.contract.channels import CachePurged
from llmgateway.controlplane.audit.service import note
from llmgateway.controlplane.reception.announcing import announce_purge
from llmgateway.controlplane.reception.bodies import Shown
from llmgateway.controlplane.reception.permissions import Permission
from llmgateway.controlplane.reception.visits import Requires, Visit

router = APIRouter(prefix="/orgs/{org}/cache", tags=["cache"])


class Share(Shown):
    """Answers of one model to one key."""

    model: str
    key_id: str
    entries: int
    bytes: int


class CacheShown(Shown):
    """What is kept, in Redis where there is one, else by the process that answers; hits and what they saved are in /usage/summary, by model or key."""

    cache_seconds: int | None
    entries: int
    bytes: int
    data: Sequence[Share]


@router.get("")
async def get_cache(visit: Annotated[Visit, Requires(Permission.ROUTES_READ)]) -> CacheShown:
    """How much is kept, by model and key."""
    shares = [Share.model_validate(share) for share in await visit.deps.cache.held(visit.org.id)]
    return CacheShown(
        cache_seconds=visit.org.cache_seconds,
        entries=sum(share.entries for share in shares),
        bytes=sum(share.bytes for share in shares),
        data=shares,
    )


@router.delete("", status_code=202)
async def purge_cache(
    visit: Annotated[Visit, Requires(Permission.ROUTES_WRITE)],
    key_id: Annotated[str | None, Query(max_length=100, description="Only answers to this key.")] = None,
    model: Annotated[str | None, Query(max_length=200, description="Only of this model, as it was asked for.")] = None,
) -> None:
    """Forget the organisation's answers, in every process; also those that are on their way now."""
    await announce_purge(visit.tx, CachePurged(visit.org.id, key_id, model))
    await note(visit, "cache.purge", visit.org.id, after={"key_id": key_id, "model": model})
