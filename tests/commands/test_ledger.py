"""`llmgateway ledger`, as an operator or a nightly script calls it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner, Result

from llmgateway.cli import cli
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from tests.controlplane.billing.bookkeeping import charged

pytestmark = pytest.mark.usefixtures("installation")


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


async def _use(database_url: str) -> None:
    data = Database(database_url, Role.DATA)
    await UsageStore(data).insert([charged(5_000_000_000, datetime.now(UTC) - timedelta(hours=5))])
    await data.close()


def test_check_finds_what_is_not_posted_and_is_content_once_it_is(database_url: str) -> None:
    asyncio.run(_use(database_url))
    before = _call("ledger", "check", "--json")
    assert before.exit_code == 1
    assert [row["events_usd"] for row in json.loads(before.stdout)["differences"]] == ["5.000000000"]
    assert _call("ledger", "post").stdout == "1 postings were written.\n"
    after = _call("ledger", "check", "--json")
    assert after.exit_code == 0
    assert json.loads(after.stdout)["accounts"] == {"credit": "5.000000000", "revenue": "-5.000000000"}
    assert _call("ledger", "check").stdout.endswith("The books are right.\n")
