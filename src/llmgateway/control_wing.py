"""Floor 4: puts the control plane together, and answers its questions about providers and routes by asking the data plane."""

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import msgspec

from llmgateway.canon.call import Operation, Wishes
from llmgateway.contract.channels import CacheReport, CheckedCredential, PathHealth
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot, Tariff
from llmgateway.controlplane.billing import farewell
from llmgateway.controlplane.billing.stripe.access import open_stripe
from llmgateway.controlplane.keys import service as keys
from llmgateway.controlplane.onboarding.service import token_secret
from llmgateway.controlplane.reception.dependencies import Dependencies, Events
from llmgateway.controlplane.reception.door import Door
from llmgateway.controlplane.wing import build_control_plane
from llmgateway.dataplane.dialects.openai.dialect import OpenAIDialect
from llmgateway.dataplane.dispatch.probing import NO_FREE_CALL, probe
from llmgateway.dataplane.model_list import model_entry, names_for
from llmgateway.dataplane.plan.forecast import Forecast
from llmgateway.dataplane.plan.hosts import (
    Credential,
    brought,
    missing_secrets,
    not_an_address,
    not_to_be_brought,
    unknown_option,
)
from llmgateway.dataplane.plan.router import Router
from llmgateway.db.roles import Role
from llmgateway.db.session import Database
from llmgateway.errors import BadRequest
from llmgateway.kit.clock import Clock
from llmgateway.kit.crypto import MasterKeys
from llmgateway.kit.egress import AddressRefused, check_url
from llmgateway.kit.http import Transport
from llmgateway.kit.money import nanos
from llmgateway.kit.passwords import Passwords
from llmgateway.kit.signed_tokens import TokenSigner
from llmgateway.kit.store import Store
from llmgateway.settings import Settings

_SECONDS: Final = 10.0
"""Time limit of the control plane's statements."""
_ISSUER: Final = "llmgateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the control plane shares with the data plane."""

    admin: Database
    pepper: bytes
    masters: MasterKeys
    store: Store
    clock: Clock
    transports: Mapping[str, Transport]
    """URL scheme -> transport; `guarded` for addresses that tenants wrote."""
    forecast: Forecast
    held: CacheReport
    draining: Callable[[], bool] = lambda: False
    """Whether the process is about to end."""


@asynccontextmanager
async def open_control_plane(settings: Settings, shared: Shared, address: str) -> AsyncGenerator[Door]:
    """The control plane as an ASGI application. Raises ConfigurationError."""
    database = shared.admin.acting_as(Role.APP, seconds=_SECONDS)
    passwords = Passwords()
    deps = Dependencies(
        database=database,
        admin=shared.admin,
        clock=shared.clock,
        store=shared.store,
        passwords=passwords,
        signer=TokenSigner(token_secret(settings), _ISSUER),
        masters=shared.masters,
        pepper=shared.pepper,
        signup=settings.signup,
        address=address,
        check=ProviderCheck(shared.forecast.router, shared.transports),
        planner=Planner(shared.forecast),
        cache=shared.held,
        draining=shared.draining,
        version=version("llmgateway"),
        tariff=tariff_of(settings),
        events=Events(member_left=(keys.end_of_member,), org_closes=(farewell.before_deletion,)),
    )
    try:
        async with open_stripe(settings) as stripe_access:
            yield build_control_plane(deps, stripe_access)
    finally:
        passwords.close()
        await database.close()


def tariff_of(settings: Settings) -> Tariff:
    """The tariff that the settings name."""
    return Tariff(
        markup_ppm=int(settings.markup_percent * 10_000),
        request_fee_nanos=nanos(settings.request_fee_usd),
        in_advance=settings.stripe_secret_key is not None,
    )


class ProviderCheck:
    """Asks a provider whether a credential works: the contract's CredentialCheck."""

    def __init__(self, router: Router, transports: Mapping[str, Transport]) -> None:
        self._router = router
        self._transports = transports

    def known(self, provider: str) -> bool:
        return provider in self._router.hosts

    async def check(
        self, provider: str, secrets: Mapping[str, str], options: Mapping[str, str], base_url: str | None
    ) -> CheckedCredential:
        host = self._router.hosts[provider]
        why_not = not_to_be_brought(host, base_url)
        if why_not:
            raise BadRequest(why_not, param="provider")
        lacking = missing_secrets(host.provider, secrets)
        if lacking:
            raise BadRequest(lacking, param="api_key" if "api_key" in host.provider.secret_names else "secrets")
        if why_not := unknown_option(host.provider, options):
            raise BadRequest(why_not, param="options")
        if base_url is not None:
            _check_address(base_url)
        credential = Credential(f"{provider}/check", secrets)
        host = brought(host, credential, base_url, options)
        if host.missing:
            raise BadRequest(host.missing, param="options")
        trouble = await probe(self._transports["guarded" if host.guarded else "https"], host, credential)
        if not trouble:
            return CheckedCredential(accepted=True, message="ok")
        refused = trouble.startswith(("401:", "403:"))
        if trouble == NO_FREE_CALL or not refused:
            return CheckedCredential(accepted=None, message=trouble)
        return CheckedCredential(accepted=False, message=trouble)


def _check_address(base_url: str) -> None:
    """Raises BadRequest."""
    if why_not := not_an_address(base_url):
        raise BadRequest(why_not, param="base_url")
    try:
        check_url(base_url)
    except AddressRefused as error:
        raise BadRequest(str(error), param="base_url") from error


class Planner:
    """Plans a request that is not sent, for a key that may do all that its organisation may: the contract's RoutePlanner."""

    def __init__(self, forecast: Forecast) -> None:
        self._forecast = forecast
        self._dialect = OpenAIDialect()

    def explain(self, body: Mapping[str, Any], org: OrgSnapshot) -> Mapping[str, Any]:
        call = self._dialect.read(Operation.CHAT, msgspec.json.encode(body), Wishes())
        return self._forecast.explained(call, _anybody(org))

    def models(self, org: OrgSnapshot) -> Sequence[Mapping[str, Any]]:
        names = names_for(self._forecast.router, self._forecast.catalog, _anybody(org))
        return [model_entry(name, model) for name, model in names]

    def credentials(self, org: OrgSnapshot) -> Mapping[str, str]:
        return {credential.id: provider for provider, credential in self._opened_by(org)}

    def may_know(self, org: OrgSnapshot) -> Callable[[PathHealth], bool]:
        """On the installation's credentials others name models too; what only they could know stays theirs."""
        shared = {one.id: provider for provider, one in self._opened_by(org) if one.sealed is None}
        own = {one.id for _, one in self._opened_by(org) if one.sealed is not None}
        aliases = (*org.routes.values(), *self._forecast.router.file.models.values())
        named = {(target.provider, target.model) for alias in aliases for target in alias.targets}

        def knows(path: PathHealth) -> bool:
            provider = shared.get(path.credential)
            if provider is None or path.model is None:
                return provider is not None or path.credential in own
            return (provider, path.model) in named or self._forecast.catalog.find(provider, path.model) is not None

        return knows

    def _opened_by(self, org: OrgSnapshot) -> Iterator[tuple[str, Credential]]:
        """Providers that it can ask, each with one of its credentials."""
        router = self._forecast.router
        for provider in router.hosts:
            for host in router.hosts_of(provider, org):
                yield from ((host.id, credential) for credential in host.credentials)


def _anybody(org: OrgSnapshot) -> KeySnapshot:
    return KeySnapshot(id="", name="", org=org)
