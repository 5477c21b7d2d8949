"""The export of an organisation's data: all of it, nobody else's, and no secret."""

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta

import pytest

from llmgateway.contract.contents import SealedContent, about
from llmgateway.controlplane.usage import takeout
from llmgateway.controlplane.usage.store import UsageStore
from llmgateway.db.session import Database
from llmgateway.db.tenancy import Row
from llmgateway.kit.ids import new_id
from llmgateway.kit.vault import Vault
from tests.controlplane.api import Api, Json
from tests.controlplane.records import event

SECRET = "sk-of-the-tenant-abcd"


async def _busy_org(api: Api, data: Database, name: str, requests: int) -> tuple[str, str]:
    """An organisation with one of everything, its owner, and logged requests."""
    owner_id = await api.person(f"o@{name}.test")
    org = await api.org(name, owner_id)
    owner = await api.as_(owner_id)
    credential = {"provider": "openai", "name": "c", "api_key": SECRET}
    for path, body in (("keys", {"name": "k"}), ("projects", {"name": "p"}), ("credentials", credential)):
        assert (await owner.post(f"/orgs/{org}/{path}", json=body)).status_code == 201
    assert (await owner.post(f"/orgs/{org}/invitations", json={"email": f"x@{name}.test"})).status_code == 201
    target = {"provider": "sandbox", "model": "chat"}
    assert (await owner.put(f"/orgs/{org}/routes/smart", json={"targets": [target]})).status_code == 201
    await owner.patch(f"/orgs/{org}/policy", json={"content_logging": "all"})
    [key] = await api.rows("SELECT data_key FROM organisations WHERE id = :o", o=org)
    store, vault, now = UsageStore(data), Vault(api.deps.masters), api.clock.now()
    events = [event(id=new_id("req", now), org_id=org, created_at=now) for _ in range(requests)]
    await store.insert(events)
    sealed = {part: vault.seal(key, org, about(events[0].id, part), said) for part, said in _SAID.items()}
    until = now + timedelta(days=1)
    await store.insert_contents(
        [SealedContent(event_id=events[0].id, org_id=org, created_at=now, expires_at=until, **sealed)]
    )
    return org, owner_id


_SAID = {"request": b'{"model": "m", "messages": []}', "answer": b"Good morning"}


async def _exported(api: Api, org: str, user_id: str) -> Sequence[Json]:
    answer = await (await api.as_(user_id)).get(f"/orgs/{org}/export")
    assert answer.status_code == 200
    assert SECRET not in answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def _of(lines: Iterable[Json], table: str) -> list[Json]:
    return [line["row"] for line in lines if line["table"] == table]


async def test_an_export_holds_everything_of_one_organisation(
    api: Api, data: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(takeout, "_BATCH", 2)  # pages end in the middle of things
    org, owner_id = await _busy_org(api, data, "mine", 5)
    other, _ = await _busy_org(api, data, "theirs", 1)
    lines = await _exported(api, org, owner_id)
    assert lines[-1] == {"table": "end", "row": {"rows": len(lines) - 1}}
    assert len(_of(lines, "usage_events")) == 5
    assert [(row["request"]["model"], row["answer"]) for row in _of(lines, "contents")] == [("m", "Good morning")]
    for table in ("organisations", "users", "members", "invitations", "projects", "api_keys", "key_secrets", "routes"):
        assert len(_of(lines, table)) == 1, table
    assert "org.export" in {row["action"] for row in _of(lines, "audit_events")}
    assert other not in json.dumps(lines)
    assert "theirs.test" not in json.dumps(lines)
    assert {name for row in lines for name in row["row"]}.isdisjoint(
        {"secret_hash", "token_hash", "sealed", "data_key"}
    )


async def test_after_erasure_contents_are_exported_without_what_was_said(api: Api, data: Database) -> None:
    org, owner_id = await _busy_org(api, data, "mine", 1)
    owner = await api.as_(owner_id)
    assert (await owner.post(f"/orgs/{org}/erase")).status_code == 204
    assert (await owner.get(f"/orgs/{org}/policy")).json()["content_logging"] == "off"
    lines = await _exported(api, org, owner_id)
    assert [(row["request"], row["answer"]) for row in _of(lines, "contents")] == [(None, None)]


def test_no_table_of_tenants_is_forgotten() -> None:
    exported = {table.rows.column_descriptions[0]["entity"] for table in takeout._tables("org")}
    assert set(Row.__constraints__) <= exported
