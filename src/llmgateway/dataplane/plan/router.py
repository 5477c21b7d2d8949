"""plan: a model's name becomes the targets that can serve it, in order. Pure: nothing here asks anybody."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial

from llmgateway.canon.call import Call, Operation
from llmgateway.canon.stored import stored_objects
from llmgateway.catalog.abilities import Ability, Traits
from llmgateway.catalog.catalog import LONGEST_NAME, Catalog
from llmgateway.catalog.pricing import PriceOverride
from llmgateway.contract.snapshot import KeySnapshot, OrgSnapshot, allows
from llmgateway.contract.usage import PlannedTarget
from llmgateway.dataplane.plan.fitness import choose, demand, no_model
from llmgateway.dataplane.plan.hosts import Credential, Host, own_hosts
from llmgateway.dataplane.plan.ordering import Placed, Pulse, View, ordered
from llmgateway.dataplane.plan.targets import PhaseTimeouts, RoutePlan, Target
from llmgateway.dataplane.plan.threads import thread_of
from llmgateway.errors import Forbidden
from llmgateway.gateway_file import AliasEntry, GatewayFile, TargetEntry, Timeouts
from llmgateway.kit.clock import Clock
from llmgateway.kit.recent import Recent
from llmgateway.providers.base import Provider

SANDBOX = "sandbox"
_FORBIDDEN = "this key may not use it"
_STORED = "the call names what is stored in an account, and this one is the gateway's"
_UNPAID = "the organisation's prepaid credit has no room for it"
_SANDBOX_TIMEOUTS = PhaseTimeouts(idle=90.0)
"""Longer than the minute after which the sandbox's faults end by themselves."""
_REASONING_SECONDS = 120.0
"""Until the first token of a model that reasons before it answers."""
_LONGEST_REASON = 500
"""Characters of a reason that are kept, since it may quote what the caller sent."""
_REMEMBERED = 4096
"""Names whose targets are remembered."""


@dataclass(frozen=True, slots=True)
class Router:
    """Knows the installation's hosts and aliases."""

    hosts: Mapping[str, Host]
    file: GatewayFile
    catalog: Catalog
    pulse: Pulse
    clock: Clock
    draw: Callable[[], float] = random.random
    _known: Recent[tuple[int, str, bool], tuple[OrgSnapshot, Sequence[Target]]] = field(
        default_factory=lambda: Recent(_REMEMBERED), repr=False, compare=False
    )
    """What names stood for, by the very snapshot of their organisation: a changed one is another. It is kept beside, so that
    no other gets its identity."""

    def plan(self, call: Call, key: KeySnapshot, prompt_tokens: int, *, uncharged: bool = False) -> RoutePlan:
        """The plan for a call. Raises NotFound, Forbidden or BadRequest when nobody can serve it.

        `uncharged` leaves out whom the organisation would pay for.
        """
        needed = demand(call, prompt_tokens)
        targets = self._sandbox(call) if key.test else self.resolve(call.model, key.org, thinking=needed.thinking)
        allowed = targets if key.test else _allowed(key, call, targets)
        if not allowed:
            raise Forbidden(
                f"This key may not use the model {_forbidden(key, call, targets[0])!r}. Ask an admin of your organisation to allow it.",
                code="model_not_allowed",
                param="model",
            )
        payable = [target for target in allowed if not (uncharged and target.charged)]
        mine = _with_what_is_stored(call, key, payable)
        chosen = choose(call, mine, needed, self.catalog)
        forbidden = {
            target.name: _STORED if target in payable else _UNPAID if target in allowed else _FORBIDDEN
            for target in targets
            if target not in mine
        }
        alias = None if key.test else self.alias(call.model, key.org)
        passed_over = {**chosen.passed_over, **forbidden, **self._unready(alias, key.org)}
        thread = partial(thread_of, call, prompt_tokens)
        view = View(catalog=self.catalog, pulse=self.pulse, draw=self.draw, thread=thread, at=self.clock.now())
        placed = ordered(chosen.able, alias.strategy if alias else "priority", needed, view)
        return RoutePlan(
            targets=tuple(place.target for place in placed),
            asked=targets[0],
            steps=_told(placed, passed_over),
            watched=not key.test,
        )

    def serves_uncharged(self, call: Call, key: KeySnapshot) -> bool:
        """Whether somebody whom the key may use costs the organisation nothing. Raises NotFound."""
        return any(not target.charged for target in self.allowed(call, key))

    def allowed(self, call: Call, key: KeySnapshot) -> Sequence[Target]:
        """Whom a live key may use behind the model's name. Raises NotFound."""
        return _allowed(key, call, self.resolve(call.model, key.org))

    def completes(self, call: Call, key: KeySnapshot) -> bool:
        """Whether anybody behind the model's name has /v1/completions. Raises NotFound."""
        targets = self._sandbox(call) if key.test else self.resolve(call.model, key.org)
        return any(Operation.COMPLETIONS in target.provider.endpoints for target in targets)

    def alias(self, name: str, org: OrgSnapshot) -> AliasEntry | None:
        """What a name was made to stand for: by the organisation, else by the file."""
        return org.routes.get(name) or self.file.models.get(name)

    def hosts_of(self, provider: str, org: OrgSnapshot) -> Sequence[Host]:
        """A provider as the organisation can ask it, one entry for each of its own credentials; none when unknown."""
        base = self.hosts.get(provider)
        return () if base is None else own_hosts(base, org)

    def resolve(self, name: str, org: OrgSnapshot, *, thinking: bool = False) -> Sequence[Target]:
        """Targets a name stands for: an alias of the organisation's or the file's, `provider/model`, or a bare name.

        `thinking`: the caller asked the model to think, so that its first token may take long. Raises NotFound.
        """
        if len(name) > LONGEST_NAME:
            return self._look_up(name, org, thinking=thinking)
        key = (id(org), name, thinking)
        return self._known.get(key, lambda _: (org, self._look_up(name, org, thinking=thinking)))[1]

    def operators_price(self, provider: str, model: str) -> PriceOverride | None:
        """What gateway.yaml says that a provider's model costs on the gateway's own credential; the sandbox's own names are free."""
        host, price = self.hosts.get(provider), self.file.prices.get((provider, model))
        return None if price is None or (host is not None and host.provider.inside) else PriceOverride(**vars(price))

    def _look_up(self, name: str, org: OrgSnapshot, *, thinking: bool) -> Sequence[Target]:
        alias = self.alias(name, org)
        if alias is not None:
            return self._alias(alias, name, org, thinking=thinking)
        provider, slash, model = name.partition("/")
        if slash and provider in self.hosts:
            if not model:
                raise no_model(f"{provider}/", f"Name a model after the slash, such as {provider}/MODEL.")
        else:
            provider, model = self._bare(name, org), name
        missing = self._missing(provider, org)
        if missing:
            raise no_model(name, missing)
        entry = TargetEntry(provider=provider, model=model)
        return self._targets(self.hosts_of(provider, org), entry, None, None, thinking=thinking)

    def _alias(self, alias: AliasEntry, name: str, org: OrgSnapshot, *, thinking: bool) -> Sequence[Target]:
        route = name if name in org.routes else None
        targets = [
            target
            for entry in alias.targets
            if not self._missing(entry.provider, org)
            for target in self._targets(self.hosts_of(entry.provider, org), entry, alias, route, thinking=thinking)
        ]
        if not targets:
            missing = dict.fromkeys(self._missing(entry.provider, org) for entry in alias.targets)
            raise no_model(name, " ".join(missing))
        return targets

    def _unready(self, alias: AliasEntry | None, org: OrgSnapshot) -> Mapping[str, str]:
        """Targets of an alias whose providers cannot be asked -> what would help."""
        entries = alias.targets if alias else ()
        missing = {f"{entry.provider}/{entry.model}": self._missing(entry.provider, org) for entry in entries}
        return {name: why for name, why in missing.items() if why}

    def _missing(self, provider: str, org: OrgSnapshot) -> str:
        """What would help where a provider cannot be asked; empty when it can."""
        hosts = self.hosts_of(provider, org)
        return hosts[0].missing if hosts else f"Provider {provider!r} is not known."

    def _bare(self, name: str, org: OrgSnapshot) -> str:
        """The maker's own host if it can be asked, else the first that can. Raises NotFound."""
        known = [model.provider for model in self.catalog.resolve(name) if model.provider in self.hosts]
        if not known:
            hint = "Use provider/model (such as openai/gpt-4.1), or see GET /v1/models for the names this key may use."
            raise no_model(name, hint)
        return next((provider for provider in known if not self._missing(provider, org)), known[0])

    def _targets(
        self,
        hosts: Sequence[Host],
        entry: TargetEntry,
        alias: AliasEntry | None,
        route: str | None,
        *,
        thinking: bool,
    ) -> Sequence[Target]:
        """The entry with each credential; `route` is the name of the tenant's own that it stands in."""
        defaults = self.file.defaults
        traits = self.catalog.traits(entry.provider, entry.model)
        own = alias.timeouts if alias else Timeouts()
        timeouts = _timeouts(defaults.timeouts, own, _reasoning(entry, traits, thinking=thinking))
        return [
            Target(
                host=host,
                provider=language,
                model=entry.model,
                credential=credential,
                timeouts=timeouts,
                retries=defaults.retries if alias is None or alias.retries is None else alias.retries,
                price=self._price(entry, route, credential),
                weight=entry.weight,
                prefill=_prefill(entry, traits, language),
                context=entry.context,
            )
            for host in hosts
            for language in (host.provider.language(entry.model),)
            for credential in host.credentials
        ]

    def _price(self, entry: TargetEntry, route: str | None, credential: Credential) -> PriceOverride | None:
        """By a tenant's word on its own credential, which it pays itself; else by the operator's, whatever name leads there."""
        own = credential.sealed is not None
        if route is not None and own:
            return entry.price and PriceOverride(**vars(entry.price), told_by=f"route {route}")
        if route is None and entry.price is not None:
            return PriceOverride(**vars(entry.price))
        return None if own else self.operators_price(entry.provider, entry.model)

    def _sandbox(self, call: Call) -> Sequence[Target]:
        """A test key may name any model: the sandbox answers in its name."""
        host = self.hosts[SANDBOX]
        return [
            Target(
                host=host,
                provider=host.provider,
                model=call.model,
                credential=host.credentials[0],
                timeouts=_SANDBOX_TIMEOUTS,
                retries=0,
            )
        ]


def _told(placed: Sequence[Placed], passed_over: Mapping[str, str]) -> tuple[PlannedTarget, ...]:
    """The plan as it is stored with the request: the targets in order, then those that were passed over."""
    return (
        *(PlannedTarget(target=place.target.name, why=place.why) for place in placed),
        *(PlannedTarget(target=name, why=why[:_LONGEST_REASON], passed_over=True) for name, why in passed_over.items()),
    )


def _allowed(key: KeySnapshot, call: Call, targets: Sequence[Target]) -> Sequence[Target]:
    return [target for target in targets if _forbidden(key, call, target) is None]


def _forbidden(key: KeySnapshot, call: Call, target: Target) -> str | None:
    """The model that the key may not use there: the one it asks for, or one that it lets it use; None when it may."""
    host = target.host.id
    if key.providers is not None and host not in key.providers:
        return call.model
    allowing = [models for models in (key.models, key.org.policy.allowed_models) if models is not None]
    if not allowing:
        return None
    others = ((name, (name, f"{host}/{name}")) for name in target.provider.others(call))
    for asked, names in ((call.model, (call.model, target.model, target.name)), *others):
        if not all(allows(models, host, names) for models in allowing):
            return asked
    return None


def _prefill(entry: TargetEntry, traits: Traits, language: Provider) -> bool | None:
    """Whether the model continues a last message of the assistant: what gateway.yaml says, else the catalogue; None is unknown."""
    if entry.prefill is not None:
        return entry.prefill
    return traits.can(Ability.PREFILL) if language.continues else False


class _Reasoning(Enum):
    """Whether a model reasons before its first token, and who says so."""

    NO = auto()
    BY_CATALOGUE = auto()
    BY_OPERATOR = auto()


def _reasoning(entry: TargetEntry, traits: Traits, *, thinking: bool) -> _Reasoning:
    """What gateway.yaml says of the target, else what the catalogue knows of its model, which may reason only when asked to."""
    if entry.reasoning is not None:
        return _Reasoning.BY_OPERATOR if entry.reasoning else _Reasoning.NO
    reasons = traits.can(Ability.REASONING) and (thinking or not traits.thinks_when_asked)
    return _Reasoning.BY_CATALOGUE if reasons else _Reasoning.NO


def _timeouts(defaults: Timeouts, own: Timeouts, reasoning: _Reasoning) -> PhaseTimeouts:
    """Seconds for each phase: the alias's own, else the file's defaults, else those built in.

    A model that reasons has `_REASONING_SECONDS` to its first token in place of the built-in ones; where the operator says that
    it does, the file's default is raised to them as well.
    """
    standard = PhaseTimeouts()
    built_in = _REASONING_SECONDS if reasoning is _Reasoning.BY_CATALOGUE else standard.first_token
    first_token = defaults.first_token or built_in
    if reasoning is _Reasoning.BY_OPERATOR:
        first_token = max(first_token, _REASONING_SECONDS)
    return PhaseTimeouts(
        connect=own.connect or defaults.connect or standard.connect,
        first_token=own.first_token or first_token,
        idle=own.idle or defaults.idle or standard.idle,
        total=own.total or defaults.total or standard.total,
    )


def operation_allowed(key: KeySnapshot, operation: Operation) -> bool:
    """Whether the key's scopes cover the operation."""
    return key.scopes is None or operation in key.scopes


def _with_what_is_stored(call: Call, key: KeySnapshot, targets: Sequence[Target]) -> Sequence[Target]:
    """Where a paying organisation names files and the like: only its own accounts, since all share the gateway's.

    Raises Forbidden when it has none.
    """
    if not key.org.charged or key.test or not (named := stored_objects(call)):
        return targets
    mine = [target for target in targets if target.credential.sealed is not None]
    if not mine:
        raise Forbidden(
            f"{', '.join(named)} names what is stored at the provider, in an account that all organisations "
            "of this gateway share. Send the content itself, or let an admin add a provider credential of your own.",
            code="stored_object",
            param=named[0],
        )
    return mine
