"""The control plane as its callers see it: over HTTP, on a real database, with people and organisations at hand."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast

import httpx2
from pwdlib import PasswordHash
from sqlalchemy import text

from llmgateway.catalog.catalog import Catalog, load_catalog
from llmgateway.catalog.tokens import Tokenizer
from llmgateway.control_wing import Shared, open_control_plane
from llmgateway.controlplane.accounts import service as accounts
from llmgateway.controlplane.accounts import sessions
from llmgateway.controlplane.onboarding.service import install, master_keys
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.door import Door
from llmgateway.dataplane.lookup.cache import HeldAnswers
from llmgateway.dataplane.plan.forecast import Forecast
from llmgateway.dataplane.plan.health import Health
from llmgateway.dataplane.plan.hosts import build_hosts
from llmgateway.dataplane.plan.router import Router
from llmgateway.db.models.users import Member
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.gateway_file import GatewayFile
from llmgateway.kit.cache_store import MemoryCache
from llmgateway.kit.clock import ManualClock, SystemClock
from llmgateway.kit.http import HttpClient
from llmgateway.kit.log import configure_logs
from llmgateway.kit.memory_store import MemoryStore
from llmgateway.providers.registry import PROVIDERS
from llmgateway.settings import load_settings

Json = dict[str, Any]
PASSWORD = "correct horse battery"
ADDRESS = "http://gateway.test"


@cache
def hashed() -> str:
    """The hash of PASSWORD, made once: it takes a tenth of a second."""
    return PasswordHash.recommended().hash(PASSWORD)


@cache
def _known() -> tuple[Catalog, Tokenizer]:
    """What no test changes, made once: it takes two tenths of a second."""
    return load_catalog(), Tokenizer()


@dataclass
class Api:
    """One control plane. `as_` gives a client that is logged in."""

    door: Door
    admin: Database
    deps: Dependencies
    clock: ManualClock | SystemClock
    health: Health
    address: str = ADDRESS
    clients: list[httpx2.AsyncClient] = field(default_factory=list[httpx2.AsyncClient])

    def client(self, token: str | None = None, *, address: str = "203.0.113.9") -> httpx2.AsyncClient:
        """Somebody at an address, logged in by an access token or not."""
        transport = httpx2.ASGITransport(app=cast("Any", self.door), client=(address, 1234), raise_app_exceptions=False)
        headers = {"authorization": f"Bearer {token}"} if token else {}
        made = httpx2.AsyncClient(transport=transport, base_url=f"{self.address}/api/v1", headers=headers)
        self.clients.append(made)
        return made

    async def person(self, email: str, *, operator: bool = False) -> str:
        """The id of a new person with a confirmed address and PASSWORD."""
        async with self.admin.transaction() as tx:
            new = accounts.NewPerson(
                id=accounts.new_user_id(self.clock), email=email, password_hash=hashed(), verified=True
            )
            user = await accounts.create(tx, self.clock, new)
            user.operator = operator
            return user.id

    async def token(self, user_id: str) -> str:
        """An access token of theirs."""
        async with self.admin.transaction() as tx:
            return (await sessions.begin(tx, self.deps, user_id, "203.0.113.9", "tests")).access

    async def as_(self, user_id: str) -> httpx2.AsyncClient:
        """A client of theirs."""
        return self.client(await self.token(user_id))

    async def org(self, name: str, owner_id: str, *, plan: str = "self_hosted", **members: str) -> str:
        """The id of a new organisation; `members` is role=user id."""
        async with self.admin.transaction() as tx:
            org = await orgs.create(tx, self.clock, name, plan, owner_id)
            for role, user_id in members.items():
                tx.add(Member(org_id=org.id, user_id=user_id, role=role, created_at=self.clock.now()))
            return org.id

    async def owner_of(self, name: str, *, plan: str = "self_hosted") -> tuple[str, httpx2.AsyncClient]:
        """The id of a new organisation, and a client of its owner."""
        owner = await self.person(f"owner@{name.lower()}.test")
        return await self.org(name, owner, plan=plan), await self.as_(owner)

    async def mail(self, recipient: str) -> str:
        """The newest mail to somebody that waits."""
        async with self.admin.transaction() as tx:
            query = text("SELECT body FROM outbox WHERE recipient = :to ORDER BY id DESC LIMIT 1")
            body = await tx.scalar(query, {"to": recipient})
        assert body is not None, f"no mail to {recipient}"
        return str(body)

    async def mailed_token(self, recipient: str) -> str:
        """The token in it."""
        return (await self.mail(recipient)).partition("token=")[2].split()[0]

    async def rows(self, query: str, **values: object) -> list[Any]:
        """As `admin`."""
        async with self.admin.transaction() as tx:
            return list((await tx.execute(text(query), values)).scalars())


def error_of(response: httpx2.Response) -> Json:
    """The error's block, whose shape is always the same."""
    body = response.json()
    assert set(body) == {"error"}, body
    error: Json = body["error"]
    assert {"code", "message", "param", "request_id"} <= set(error)
    assert error["request_id"] == response.headers["x-request-id"]
    return error


@asynccontextmanager
async def open_api(
    database_url: str, data_dir: Path, clock: ManualClock | SystemClock | None = None, **environment: str
) -> AsyncGenerator[Api]:
    """A control plane on a migrated database."""
    clock = clock or SystemClock()
    configure_logs(json=True)
    given: Mapping[str, str] = {
        "DATABASE_URL": database_url,
        "LLMGATEWAY_DATA_DIR": str(data_dir),
        "LLMGATEWAY_SECRET_KEY": "s" * 32,
        "JWT_SECRET_KEY": "j" * 32,
        "LLMGATEWAY_SIGNUP": "on",
        **environment,
    }
    settings = load_settings(given)
    admin = Database(database_url, Role.ADMIN)
    pepper, _ = await install(admin, clock, settings)
    catalog, tokenizer = _known()
    hosts = build_hosts(PROVIDERS, GatewayFile(), given)
    health = Health(clock)
    async with HttpClient() as client, HttpClient(guarded=True) as guarded:
        shared = Shared(
            admin=admin,
            pepper=pepper,
            masters=master_keys(settings),
            store=MemoryStore(clock),
            clock=clock,
            transports={"http": client, "https": client, "guarded": guarded},
            held=HeldAnswers(MemoryCache(clock, 1 << 20)),
            forecast=Forecast(Router(hosts, GatewayFile(), catalog, health, clock), catalog, tokenizer, clock),
        )
        async with open_control_plane(settings, shared, ADDRESS) as door:
            api = Api(door, admin, cast("Dependencies", door.at_hand["deps"]), clock, health)
            yield api
            for made in api.clients:
                await made.aclose()
    await admin.close()
