"""Versions of the prices: noted when they are first used, never changed."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from llmgateway.catalog.catalog import load_catalog
from llmgateway.controlplane.usage import price_versions
from llmgateway.db.session import DATABASE_ERRORS, Database

FIRST, LATER = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)


async def test_a_version_stays_as_it_was_when_newer_prices_come(admin: Database) -> None:
    old, new = {"lab/m": [{"prices": {"input_mtok": "1"}}]}, {"lab/m": [{"prices": {"input_mtok": "2"}}]}
    async with admin.transaction() as tx:
        await price_versions.keep(tx, "v1", old, FIRST)
        await price_versions.keep(tx, "v2", new, LATER)
        await price_versions.keep(tx, "v1", new, LATER)
    async with admin.transaction() as tx:
        assert await price_versions.kept(tx) == [("v1", FIRST), ("v2", LATER)]
        assert await price_versions.prices_of(tx, "v1", "lab/m") == old["lab/m"]
        assert await price_versions.prices_of(tx, "v1", "lab/other") == []
        assert await price_versions.prices_of(tx, "v3", "lab/m") is None


@pytest.mark.parametrize("statement", ["UPDATE price_versions SET prices = '{}'", "DELETE FROM price_versions"])
async def test_nobody_may_change_a_version(admin: Database, statement: str) -> None:
    with pytest.raises(DATABASE_ERRORS, match="permission denied"):
        async with admin.transaction() as tx:
            await tx.execute(text(statement))


async def test_the_whole_catalogue_is_kept_with_its_history_tiers_and_variants(admin: Database) -> None:
    book = load_catalog().price_book()
    async with admin.transaction() as tx:
        await price_versions.keep(tx, "v1", book, FIRST)
        gemini = await price_versions.prices_of(tx, "v1", "gemini/gemini-2.5-pro")
    assert gemini
    assert gemini[0]["prices"]["input_mtok"] == "1.25"
    assert gemini[0]["over"]["200000"]["input_mtok"] == "2.5"
    lists = [entry for entries in book.values() for entry in entries]
    assert any("from" in entry for entry in lists)
    assert any(entry.get("when") == {"service_tier": "priority"} for entry in lists)
