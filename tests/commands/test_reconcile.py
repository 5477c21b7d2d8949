"""`llmgateway usage reconcile`: a provider's exports beside rows of a real database, to the nano-dollar."""

import asyncio
import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from typer.testing import CliRunner, Result

from llmgateway.canon.usage import UsageSource
from llmgateway.cli import cli
from llmgateway.contract.usage import Attempt, UsageEvent
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.kit.ids import id_time, new_id
from tests.controlplane.records import event
from tests.providers.bill_pages import PAGES, costs

NOON: Final = datetime(2026, 11, 4, 12, tzinfo=UTC)


pytestmark = pytest.mark.usefixtures("installation")


def _call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ("usage", "reconcile", *arguments), env={"COLUMNS": "400"})


def _compared(*arguments: str, code: int = 0) -> dict[str, Any]:
    called = _call(*arguments, "--json")
    assert called.exit_code == code, called.output
    return json.loads(called.stdout)


def _refusal(*arguments: str) -> str:
    called = _call(*arguments)
    assert called.exit_code == 2, called.output
    return " ".join(called.output.replace("│", " ").split())


def _file(name: str) -> str:
    return str(PAGES / f"{name}.json")


OPENAI: Final = tuple(_file(f"openai_{name}") for name in ("costs", "completions", "completions_2", "embeddings"))


def _made(at: datetime = NOON, **changes: Any) -> UsageEvent:
    """One of the two chats that OpenAI's export tells of, or something else."""
    identifier = new_id("req", at)
    usual: dict[str, Any] = {
        "model": "smart", "prompt_tokens": 5000, "completion_tokens": 500, "cost_nanos": 14_000_000,
    }  # fmt: skip
    return event(id=identifier, created_at=id_time(identifier), **usual | changes)


def _both() -> list[UsageEvent]:
    """The chats and the embedding of OpenAI's export, as the gateway counted them: all of it agrees to the nano."""
    return [
        _made(),
        _made(
            at=NOON.replace(hour=23, minute=59),
            served_model="gpt-4.1-2025-04-14",
            prompt_tokens=5001,
            cached_tokens=1,
            cost_nanos=14_000_500,
            org_id="org_2",
        ),
        _made(
            operation="embeddings",
            served_model="text-embedding-3-small",
            prompt_tokens=60,
            completion_tokens=0,
            cost_nanos=1_200,
        ),
    ]


def _written(page: bytes, folder: Path) -> str:
    file = folder / "page.json"
    file.write_bytes(page)
    return str(file)


def _store(database_url: str, events: Sequence[UsageEvent]) -> None:
    async def store() -> None:
        data = Database(database_url, Role.DATA)
        assert not await UsageStore(data).insert(events)
        await data.close()

    asyncio.run(store())


def test_what_agrees_agrees_to_the_nano_and_under_all_names_of_a_model(database_url: str) -> None:
    _store(database_url, _both())
    found = _compared(*OPENAI, "--tolerance", "0")
    assert (found["provider"], found["within"], found["compared"]) == ("openai", True, ["2026-11-04", "2026-11-05"])
    [chats, embedded] = sorted(found["models"], key=lambda entry: entry["model"])
    assert (chats["model"], chats["billed_as"]) == ("gpt-4.1", ["gpt-4.1-2025-04-14"])
    assert chats["counted_as"] == ["gpt-4.1", "gpt-4.1-2025-04-14"]
    same = {"drift_percent": "0.00", "must_agree": True}
    assert chats["figures"]["cost_usd"] == {"billed": "0.028000500", "counted": "0.028000500", **same}
    assert chats["figures"]["requests"] == {"billed": 2, "counted": 2, **same}
    assert chats["figures"]["prompt_tokens"] == {"billed": 10001, "counted": 10001, **same}
    assert chats["figures"]["cached_tokens"] == {"billed": 1, "counted": 1, **same}
    assert embedded["figures"]["cost_usd"] == {"billed": "0.000001200", "counted": "0.000001200", **same}
    assert embedded["figures"].keys() == {"cost_usd", "requests", "prompt_tokens"}
    assert chats["reasons"] == embedded["reasons"] == []
    assert found["days"][0]["figures"]["cost_usd"]["billed"] == "0.028001700"
    told = _call(*OPENAI)
    assert told.exit_code == 0
    assert told.stdout.startswith(
        "openai, 2 days from 2026-11-04 to 2026-11-05 (UTC): billed 0.028001700, counted 0.028001700 USD, 0.00 %"
    )
    assert told.stdout.endswith("\nEverything agrees within 1 %.\n")


def test_a_nano_too_many_is_a_drift_where_none_is_tolerated(database_url: str) -> None:
    first, *others = _both()
    _store(database_url, [_made(cost_nanos=(first.cost_nanos or 0) + 1), *others])
    found = _compared(*OPENAI, "--tolerance", "0", code=1)
    assert found["models"][0]["figures"]["cost_usd"]["counted"] == "0.028000501"
    assert [entry["beyond"] for entry in found["models"]] == [True, False]
    assert "the counts agree, so it is the price, 0.000000001 in all" in found["models"][0]["reasons"][0]
    assert _compared(*OPENAI)["within"]


def test_the_tolerance_is_exact(database_url: str, tmp_path: Path) -> None:
    page = costs({"amount": {"value": "0.01", "currency": "usd"}, "line_item": "gpt-4.1, input"})
    _store(database_url, [_made(cost_nanos=10_100_000)])
    file = _written(page, tmp_path)
    assert _call(file, "--tolerance", "1").exit_code == 0
    assert _call(file, "--tolerance", "0.999999999").exit_code == 1


def test_only_what_went_to_the_provider_on_the_installations_credential_is_compared(database_url: str) -> None:
    _store(
        database_url,
        [
            *_both(),
            _made(test=True),
            _made(cache="hit"),
            _made(operation="count_tokens"),
            _made(provider="anthropic", served_model="gpt-4.1"),
            _made(provider=None, served_model=None),
            _made(outcome="failed", prompt_tokens=0, completion_tokens=0, cost_nanos=0),
            _made(at=NOON.replace(day=3, hour=23, minute=59)),
            _made(at=NOON.replace(day=6, hour=0)),
            _made(usage_details={"credential": "cred_1"}),
        ],
    )
    assert _compared(*OPENAI, "--tolerance", "0")["within"]


def test_what_a_tenants_credential_was_used_for_is_compared_with_that_tenants_export(database_url: str) -> None:
    _store(
        database_url,
        [
            *(_made(usage_details={"credential": "cred_2", "tier": "flex"}) for _ in range(3)),
            *(_made(usage_details={"credential": "cred_1"}, cost_nanos=one.cost_nanos, prompt_tokens=one.prompt_tokens,
                    completion_tokens=one.completion_tokens, cached_tokens=one.cached_tokens,
                    operation=one.operation, served_model=one.served_model) for one in _both()),
        ],
    )  # fmt: skip
    found = _compared(*OPENAI, "--tolerance", "0", "--credential", "cred_1")
    assert (found["credential"], found["within"]) == ("cred_1", True)
    assert not _compared(*OPENAI, code=1)["within"]


def test_the_largest_drift_comes_first_with_what_could_explain_it(database_url: str) -> None:
    cut = Attempt(provider="openai", model="o3", status=None, outcome="cut", milliseconds=1)
    _store(
        database_url,
        [
            _made(prompt_tokens=4950, cost_nanos=None, price_version=None, usage_source=UsageSource.COUNTED),
            _made(prompt_tokens=5001, cached_tokens=1, usage_source=UsageSource.ESTIMATED, attempts=(cut,)),
            _made(
                served_model="o3", attempts=(cut, Attempt(provider="openai", model="o3", outcome="ok", milliseconds=1))
            ),
            _made(provider="groq", served_model="o3", attempts=(cut,)),
            _made(provider="groq", served_model="o3", attempts=(msgspec.structs.replace(cut, credential="cred_1"),)),
        ],
    )
    found = _compared(*OPENAI, code=1)
    assert [entry["model"] for entry in found["models"]] == ["o3", "text-embedding-3-small", "gpt-4.1"]
    o3, embedded, chats = found["models"]
    assert o3["figures"]["cost_usd"] == {
        "billed": "0.000000000", "counted": "0.014000000", "drift_percent": "100.00", "must_agree": True,
    }  # fmt: skip
    assert [reason.partition(":")[0] for reason in o3["reasons"]] == [
        "counted only",
        "attempts that broke off here, which the provider may bill",
    ]
    assert o3["reasons"][1].endswith(": 3")
    assert [reason.partition(":")[0] for reason in embedded["reasons"]] == ["billed only"]
    assert embedded["figures"]["requests"]["drift_percent"] == "-100.00"
    assert chats["figures"]["cost_usd"]["drift_percent"] == "-50.00"
    assert chats["figures"]["prompt_tokens"]["drift_percent"] == "-0.50"
    assert [reason.partition(":")[0] for reason in chats["reasons"]] == [
        "requests without a price, or not for all of it",
        "requests that are estimates, since the gateway's process ended",
        "requests whose tokens were counted here, since the provider told none",
    ]


def test_a_price_that_lacks_a_part_counts_as_unpriced(database_url: str) -> None:
    first, *others = _both()
    _store(
        database_url,
        [_made(cost_nanos=(first.cost_nanos or 0) - 9, price_version="v1 without a price for searches"), *others],
    )
    [chats, _] = _compared(*OPENAI)["models"]
    assert "requests without a price, or not for all of it: 1" in chats["reasons"]


def test_where_a_line_names_no_model_the_day_must_agree_as_a_whole(database_url: str) -> None:
    """Anthropic bills searches apart, and here they are part of what the request cost."""
    _store(
        database_url,
        [
            _made(
                provider="anthropic",
                served_model="claude-sonnet-4-5",
                prompt_tokens=3200,
                cached_tokens=200,
                completion_tokens=500,
                cost_nanos=1_254_500_001,
            )
        ],
    )
    files = (_file("anthropic_costs"), _file("anthropic_usage"))
    found = _compared(*files, "--tolerance", "0")
    assert found["models"][0]["figures"]["cost_usd"] == {
        "billed": "1.234500001", "counted": "1.254500001", "drift_percent": "1.62", "must_agree": False,
    }  # fmt: skip
    assert found["days"][0]["figures"]["cost_usd"]["must_agree"]
    assert found["without_a_model"] == [{"day": "2026-11-04", "item": "Web Search Usage", "cost_usd": "0.020000000"}]
    assert "requests" not in found["models"][0]["figures"]
    assert "2026-11-04  Web Search Usage  0.020000000 USD" in _call(*files).stdout


def test_costs_that_are_not_by_line_are_compared_by_the_day(database_url: str, tmp_path: Path) -> None:
    _store(database_url, _both())
    file = _written(
        costs({"amount": {"value": 0.0280017, "currency": "usd"}, "line_item": None, "project_id": None}), tmp_path
    )
    found = _compared(file, "--tolerance", "0")
    assert [entry["figures"] for entry in found["models"]] == [{}, {}]
    assert found["days"][0]["figures"]["cost_usd"]["counted"] == "0.028001700"
    assert _call(file).stdout.count("2026-11-04  all models") == 1


def test_openrouters_activity_is_compared_over_all_its_days(database_url: str) -> None:
    _store(
        database_url,
        [
            _made(provider="openrouter", served_model="openai/gpt-4.1", prompt_tokens=50, completion_tokens=125, cost_nanos=27_000_000),
            _made(at=NOON - timedelta(days=1), provider="openrouter", served_model="qwen/qwen3", cost_nanos=5),
        ],
    )  # fmt: skip
    found = _compared(_file("openrouter_activity"), code=1)
    assert found["compared"] == ["2026-11-02", "2026-11-03", "2026-11-04"]
    assert {entry["day"]: entry["figures"]["cost_usd"]["billed"] for entry in found["models"]} == {
        "2026-11-02": "0.000000001",
        "2026-11-03": "0.000000000",
        "2026-11-04": "0.027000000",
    }


def test_a_provider_of_another_name_has_its_rows_compared(database_url: str) -> None:
    _store(database_url, [_made(provider="openai-eu", served_model=one.served_model, operation=one.operation,
                                prompt_tokens=one.prompt_tokens, completion_tokens=one.completion_tokens,
                                cached_tokens=one.cached_tokens, cost_nanos=one.cost_nanos) for one in _both()])  # fmt: skip
    assert _compared(*OPENAI, "--provider", "openai-eu", "--tolerance", "0")["provider"] == "openai-eu"


def test_csv_has_a_line_a_model_and_day_then_the_days(database_url: str) -> None:
    _store(database_url, _both())
    rows = list(csv.DictReader(io.StringIO(_call(*OPENAI, "--csv").stdout)))
    assert [(row["day"], row["model"]) for row in rows] == [
        ("2026-11-04", "gpt-4.1"), ("2026-11-04", "text-embedding-3-small"), ("2026-11-04", ""), ("2026-11-05", ""),
    ]  # fmt: skip
    assert rows[0]["billed_cost_usd"] == "0.028000500"
    assert (rows[0]["cost_drift_percent"], rows[0]["beyond"]) == ("0.00", "False")


def test_days_are_chosen_and_must_be_told(database_url: str) -> None:
    _store(database_url, [*_both(), _made(at=NOON.replace(day=5))])
    assert not _compared(*OPENAI, code=1)["within"]
    only = _compared(*OPENAI[:2], "--from", "2026-11-04", "--to", "2026-11-05", "--tolerance", "0", code=0)
    assert only["compared"] == ["2026-11-04"]
    assert "No file tells all of 2026-11-06 (UTC)" in _refusal(*OPENAI, "--to", "2026-11-07")
    assert "No file tells all of 2026-11-01 (UTC)" in _refusal(*OPENAI, "--from", "2026-11-01")
    assert "`--from` must lie before `--to`" in _refusal(*OPENAI, "--from", "2026-11-05", "--to", "2026-11-05")


def test_a_day_that_is_not_over_is_left_out(database_url: str, tmp_path: Path) -> None:
    _store(database_url, _both())
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    file = _written(costs({"amount": {"value": 5, "currency": "usd"}, "line_item": "o3"}, start=today), tmp_path)
    found = _compared(_file("openai_costs"), file)
    assert found["left_out"] == [{"day": f"{today:%Y-%m-%d}", "what": "costs"}]
    assert "No file tells of a whole day (UTC) that is over" in _refusal(file)


def test_a_figure_that_is_told_for_a_part_of_the_day_is_not_compared(database_url: str, tmp_path: Path) -> None:
    _store(database_url, _both())
    page = json.loads((PAGES / "openai_completions.json").read_bytes())
    page["has_more"] = False
    page["data"][0]["start_time"] += 3600
    found = _compared(OPENAI[0], _written(json.dumps(page).encode(), tmp_path), "--tolerance", "0")
    assert [entry["figures"].keys() for entry in found["models"]] == [{"cost_usd"}, {"cost_usd"}]
    assert found["left_out"] == [{"day": "2026-11-04", "what": "usage of completions"}]


def test_a_day_whose_events_are_gone_is_refused(tmp_path: Path) -> None:
    long_ago = NOON.replace(year=2021, hour=0)
    page = costs({"amount": {"value": 5, "currency": "usd"}, "line_item": "o3"}, start=long_ago)
    assert "those of 2021-11-04 are gone: begin with --from 20" in _refusal(_written(page, tmp_path))


def test_an_idle_day_agrees(database_url: str) -> None:
    called = _call(_file("openai_costs"), "--from", "2026-11-05")
    assert (called.exit_code, called.stdout.splitlines()[-1]) == (0, "Nothing was billed, and nothing was counted.")


def test_files_and_figures_that_are_none_are_refused_with_exit_code_2(tmp_path: Path) -> None:
    assert "does not exist" in _refusal(str(tmp_path / "missing.json"))
    assert "is told twice" in _refusal(_file("openai_costs"), _file("openai_costs"))
    for tolerance in ("-1", "much", "NaN"):
        assert "percent, such as 1 or 0.5" in _refusal(*OPENAI, "--tolerance", tolerance)
