"""`llmgateway usage reprice`: which price a request of before has now, and what the command says and writes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from llmgateway.cli import cli
from llmgateway.commands.reprice import PricesOfNow
from llmgateway.contract.snapshot import OrgSnapshot, SealedCredential
from llmgateway.contract.usage import UsageEvent
from llmgateway.controlplane.billing.charges.repricing import NewCosts
from llmgateway.controlplane.usage.service import Sought, listed
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.gateway_file import AliasEntry
from tests.controlplane.billing.bookkeeping import START
from tests.controlplane.billing.charges.repriced import COST, PRICED, served
from tests.controlplane.records import make_org
from tests.dataplane.routing import CATALOG, Routing

CREDENTIAL = SealedCredential(id="cred_1", provider="groq", sealed=b"s")


def _tenant(*, own: bool) -> OrgSnapshot:
    """Its route `mine` says what its model costs; with a credential of its own, or with the gateway's alone."""
    target = {"provider": "groq", "model": "fine-tuned", "price": {"input": "3", "output": "4"}}
    return OrgSnapshot(
        id="org_1",
        slug="a",
        plan="starter",
        charged=True,
        routes={"mine": AliasEntry.model_validate({"targets": [target]})},
        credentials=(CREDENTIAL,) if own else (),
        data_key=b"k",
    )


def _priced(event: UsageEvent, org: OrgSnapshot | None = None, file: str = PRICED) -> NewCosts | None:
    return PricesOfNow(Routing(file).router, CATALOG)(event, org or _tenant(own=False))


def test_a_tenants_price_is_for_what_it_served_on_its_own_credential() -> None:
    own = served(model="mine", charge_nanos=0)
    assert _priced(own, _tenant(own=True)) == NewCosts(11 * 3_000 + 3 * 4_000, 45_000, "route mine: input 3 output 4")
    assert _priced(served(model="mine"), _tenant(own=True)) == _priced(served()), "the gateway's, before there was one"
    said = served(model="mine", usage_details={"credential": "cred_1"})
    assert _priced(said, _tenant(own=True)) == _priced(own, _tenant(own=True))
    assert _priced(said, _tenant(own=False)) is None
    assert _priced(own, _tenant(own=False)) is None, "the credential is gone, and with it who pays"


def test_a_price_in_the_file_is_for_the_gateways_credential_whatever_name_led_there() -> None:
    assert _priced(served()) == NewCosts(COST, COST, "gateway.yaml: input 1 output 2 search 10")
    assert _priced(served(), _tenant(own=True)) == _priced(served())
    assert _priced(served(model="groq/fine-tuned")) == _priced(served())
    assert _priced(served(model="a-name-that-is-gone")) == _priced(served())
    assert _priced(served(model="groq/fine-tuned"), file="models: {}") is None


def test_what_the_asked_for_model_would_have_cost_is_told_where_its_name_still_says_which_that_is() -> None:
    targets = "[{provider: openai, model: gpt-4.1}, {provider: groq, model: fine-tuned, price: {input: '1'}}]"
    figures = _priced(served(), file=f"models: {{tuned: {{targets: {targets}}}}}")
    assert figures == NewCosts(11_000, 11 * 2_000 + 3 * 8_000, "gateway.yaml: input 1 output 0")


def test_a_part_whose_count_was_not_kept_has_no_price() -> None:
    event = served(cost_nanos=5, price_version="v1 without a price for searches")
    assert _priced(event) is None
    searched = served(cost_nanos=5, price_version="v1 without a price for searches", usage_details={"searches": 1})
    figures = _priced(searched)
    assert figures is not None
    assert figures.cost == COST + 10_000_000


@pytest.fixture
def _environment(installation: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(PRICED)
    for name, value in {
        "LLMGATEWAY_CONFIG": str(file),
        "LLMGATEWAY_MARKUP_PERCENT": "10",
        "GROQ_API_KEY": "g",
    }.items():
        monkeypatch.setenv(name, value)


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ("usage", "reprice", *arguments))


async def _stored(database_url: str) -> None:
    admin, data = Database(database_url, Role.ADMIN), Database(database_url, Role.DATA)
    org = await make_org(admin, plan="starter")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    await UsageStore(data).insert(
        [served(yesterday, org.id), served(yesterday, org.id, model="groq/x", served_model="x")]
    )
    await admin.close()
    await data.close()


async def _charges(database_url: str) -> list[int | None]:
    admin = Database(database_url, Role.ADMIN)
    async with admin.transaction() as tx:
        found = [event.charge_nanos for event in await listed(tx, Sought(), 10)]
    await admin.close()
    return sorted(found, key=lambda charge: charge or 0)


@pytest.mark.usefixtures("_environment")
def test_it_says_what_would_change_and_writes_it_when_told_to(database_url: str) -> None:
    asyncio.run(_stored(database_url))
    day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    money = "cost 0.000000000 -> 0.000017000 (0.000017000)  charged 0.000000000 -> 0.000018700"
    told = [
        f"{day}  acme  groq/fine-tuned  1 request  {money}",
        "Still without a price, in whole or in part: 1 of groq/x",
        f"In all: 1 request  {money}",
        "Charged by the tariff of now (10 % and 0.000000000 a request), since theirs was not kept: 1 of them",
    ]
    asked = ("--from", day, "--org", "acme")
    assert _call(*asked).stdout.splitlines() == [*told, "Nothing was written. Say --apply to write it."]
    assert asyncio.run(_charges(database_url)) == [None, None]
    assert _call(*asked, "--apply").stdout.splitlines() == [*told, "It is written."]
    assert asyncio.run(_charges(database_url)) == [None, 18_700]
    assert _call(*asked, "--apply").stdout.splitlines() == [told[1], "There is nothing to price again."]


@pytest.mark.usefixtures("_environment")
def test_as_json_and_without_charging_anybody(database_url: str) -> None:
    asyncio.run(_stored(database_url))
    day = f"{datetime.now(UTC) - timedelta(days=1):%Y-%m-%d}"
    told: dict[str, Any] = json.loads(_call("--from", day, "--cost-only", "--apply", "--json").stdout)
    assert (told["applied"], told["unpriced"]) == (True, {"groq/x": 1})
    [line] = told["lines"]
    assert (line["org"], line["model"], line["day"], line["requests"]) == ("acme", "groq/fine-tuned", day, 1)
    assert line["charged_by_tariff_of_now"] == 0
    assert (Decimal(line["cost_delta_usd"]), Decimal(line["charge_delta_usd"])) == (Decimal("0.000017"), 0)


@pytest.mark.usefixtures("_environment", "database_url")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--from", "2026-11-05", "--org", "nobody"), "There is no organisation 'nobody'"),
        (("--from", f"{START:%Y-%m-%d}", "--to", "2026-11-01"), "must lie before"),
    ],
)
def test_what_cannot_be_is_told(arguments: tuple[str, ...], words: str) -> None:
    result = _call(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.replace("│", " ").split())
