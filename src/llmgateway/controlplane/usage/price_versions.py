"""Versions of the prices, kept as they are first used: an event's `price_version` can be looked up for good."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.canon.chat import Json
from llmgateway.catalog.price_book import PriceBook
from llmgateway.db.models.price_versions import PriceVersion


async def keep(tx: AsyncSession, version: str, prices: PriceBook, now: datetime) -> None:
    """Note a version when it is new; what is noted stays."""
    row = {"version": version, "used_since": now, "prices": dict(prices)}
    await tx.execute(insert(PriceVersion).values(row).on_conflict_do_nothing())


async def kept(tx: AsyncSession) -> Sequence[tuple[str, datetime]]:
    """The versions and since when each is used, oldest first."""
    query = select(PriceVersion.version, PriceVersion.used_since).order_by(PriceVersion.used_since)
    return [(version, since) for version, since in (await tx.execute(query)).all()]


async def prices_of(tx: AsyncSession, version: str, model: str) -> Sequence[Json] | None:
    """The price lists of `provider/model` in a version: empty when it had none, None when the version was never used."""
    found = (await tx.execute(select(PriceVersion.prices[model]).where(PriceVersion.version == version))).first()
    return None if found is None else found[0] or []
