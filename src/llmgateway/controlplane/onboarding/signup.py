"""Signing up: a person with an organisation of their own, or with an invitation into another's."""

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncSession

from llmgateway.controlplane.accounts import letters
from llmgateway.controlplane.accounts import service as accounts
from llmgateway.controlplane.audit.service import Act, record
from llmgateway.controlplane.orgs import invitations
from llmgateway.controlplane.orgs import service as orgs
from llmgateway.controlplane.reception.bodies import Body, Email, Name, Password, Secret
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.controlplane.reception.outbox import post
from llmgateway.controlplane.reception.visits import Actor
from llmgateway.db.session import see
from llmgateway.errors import Forbidden


class SignupBody(Body):
    """Who, and what their organisation is called; or the invitation that they follow."""

    email: Email
    password: Password
    organisation: Name | None = Field(None, description="Default: the name before the @.")
    invitation: Secret | None = Field(None, description="The token of an invitation's mail.")


async def sign_up(deps: Dependencies, body: SignupBody, hashed: str, address: str, *, known: bool) -> None:
    """Make the account and its organisation, or tell the account's owner that there is one."""
    async with deps.database.transaction() as tx:
        if known:
            await post(tx, deps.clock, letters.known_already(body.email, deps.address))
            return
        user_id = await _make(tx, deps, body.email, hashed, verified=False)
        await accounts.send_verification(tx, deps, user_id, body.email)
        await _found(tx, deps, body.organisation or body.email.partition("@")[0], user_id, address)


async def join(deps: Dependencies, body: SignupBody, token: str, hashed: str, address: str) -> None:
    """The same with an invitation's mail, which proves the address. Raises BadRequest, and Forbidden for another address."""
    async with deps.database.transaction() as tx:
        invitation, _ = await invitations.find_by_token(tx, deps, token)
        if invitation.email != body.email:
            raise Forbidden("This invitation is for another address.", code="permission_denied", param="email")
        if await accounts.find_login(tx, body.email) is not None:
            await post(tx, deps.clock, letters.known_already(body.email, deps.address))
            return
        user_id = await _make(tx, deps, body.email, hashed, verified=True)
        await _join(tx, deps, token, user_id, body.email, address)


async def is_known(deps: Dependencies, email: str) -> bool:
    """Whether somebody has this address: all that is asked before the answer leaves."""
    async with deps.database.transaction() as tx:
        return await accounts.find_login(tx, email) is not None


async def _make(tx: AsyncSession, deps: Dependencies, email: str, hashed: str, *, verified: bool) -> str:
    user_id = accounts.new_user_id(deps.clock)
    await see(tx, user_id=user_id)
    person = accounts.NewPerson(id=user_id, email=email, password_hash=hashed, verified=verified)
    await accounts.create(tx, deps.clock, person)
    return user_id


async def _join(tx: AsyncSession, deps: Dependencies, token: str, user_id: str, email: str, address: str) -> None:
    invitation, org = await invitations.accept(tx, deps, token, user_id, email)
    act = Act(action="invitation.accept", org_id=org.id, target=invitation.id, after={"role": invitation.role})
    await record(tx, deps.clock, Actor(id=user_id, address=address), act)


async def _found(tx: AsyncSession, deps: Dependencies, name: str, user_id: str, address: str) -> None:
    org_id = orgs.new_org_id(deps.clock)
    await see(tx, org_id=org_id, user_id=user_id)
    org = await orgs.create(tx, deps.clock, name, deps.new_org_plan, user_id, org_id=org_id)
    act = Act(action="org.create", org_id=org.id, target=org.id, after={"name": org.name, "plan": org.plan})
    await record(tx, deps.clock, Actor(id=user_id, address=address), act)
