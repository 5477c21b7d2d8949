"""Events and organisations for tests of the control plane."""

from datetime import UTC, datetime

import msgspec

from llmgateway.contract.snapshot import Limits
from llmgateway.contract.usage import Attempt, Outcome, PlannedTarget, UsageEvent
from llmgateway.controlplane.accounts import service as accounts
from llmgateway.controlplane.keys import service as keys
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.db.models.api_keys import ApiKey
from llmgateway.db.models.organisations import Organisation
from llmgateway.db.session import Database
from llmgateway.kit.clock import SystemClock
from llmgateway.kit.ids import id_time, new_id

NOW = datetime(2026, 11, 5, 12, 30, 15, 123000, tzinfo=UTC)
PEPPER = b"p" * 32
SECRET = "lgw_live_" + "a" * 32


def event(**changes: object) -> UsageEvent:
    """A finished request."""
    identifier = new_id("req", NOW)
    made = UsageEvent(
        id=identifier,
        org_id="org_1",
        key_id="key_1",
        project_id=None,
        created_at=id_time(identifier),
        operation="chat",
        dialect="openai",
        model="gpt-4.1",
        provider="openai",
        served_model="gpt-4.1",
        outcome=Outcome.FINISHED,
        status=200,
        prompt_tokens=11,
        completion_tokens=3,
        cost_nanos=123_456_789_012,
        charge_nanos=0,
        list_cost_nanos=None,
        price_version="v1",
        attempts=(Attempt(provider="openai", model="gpt-4.1", status=200, outcome="ok", milliseconds=12),),
        plan=(
            PlannedTarget(target="openai/gpt-4.1", why="first"),
            PlannedTarget(target="anthropic/claude", why="fallback"),
        ),
        tags=("blue",),
    )
    return msgspec.structs.replace(made, **changes)


async def make_org(admin: Database, *, plan: str = "self_hosted", name: str = "Acme") -> Organisation:
    """An organisation with an owner."""
    clock = SystemClock()
    async with admin.transaction() as tx:
        person = accounts.NewPerson(
            id=accounts.new_user_id(clock), email=f"owner@{name.lower()}.test", password_hash="no hash", verified=True
        )
        owner = await accounts.create(tx, clock, person)
        return await orgs.create(tx, clock, name, plan, owner.id)


async def make_key(
    admin: Database, org: Organisation, wish: keys.KeyWish | None = None, secret: str = SECRET
) -> ApiKey:
    """A key whose secret is known."""
    async with admin.transaction() as tx:
        wish = wish or keys.KeyWish(name="k", limits=Limits())
        return await keys.create(tx, SystemClock(), org, PEPPER, wish, secret)
