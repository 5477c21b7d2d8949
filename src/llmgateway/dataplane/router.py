"""plan: a model's name becomes the targets that can serve it, in order. Pure: nothing here asks anybody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from llmgateway.canon.call import Call, Operation
from llmgateway.catalog.catalog import Catalog
from llmgateway.contract.snapshot import KeySnapshot
from llmgateway.dataplane.hosts import Credential, Host
from llmgateway.errors import BadRequest, Forbidden, NotFound
from llmgateway.gateway_file import AliasEntry, GatewayFile, Price, TargetEntry, Timeouts
from llmgateway.providers.base import Provider

SANDBOX = "sandbox"
_ALWAYS_DROPPABLE = frozenset({"user", "metadata", "safety_identifier", "prompt_cache_key"})
"""Parameters that never change an answer: left out where unknown, and named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that each phase of an attempt may take."""

    connect: float = 5.0
    first_token: float = 10.0
    idle: float = 15.0
    total: float = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One place that can serve a call."""

    host: Host
    provider: Provider
    """The language that the model speaks at the host."""
    model: str
    credential: Credential
    patience: Patience = Patience()
    retries: int = 2
    """Extra attempts here for what may pass."""
    price: Price | None = None
    """The operator's own price; None asks the catalogue."""
    dropped: frozenset[str] = frozenset()
    """Parameters that are left out here, and named to the caller."""

    @property
    def name(self) -> str:
        return f"{self.host.id}/{self.model}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The targets in order; the first one is what the name means."""

    targets: tuple[Target, ...]
    asked: Target
    """What the caller asked for, for the list price: also when it was passed over."""
    passed_over: Mapping[str, str] = field(default_factory=dict[str, str])
    """Target -> why it cannot serve this call."""


@dataclass(frozen=True, slots=True)
class Router:
    """Knows the installation's hosts and aliases."""

    hosts: Mapping[str, Host]
    file: GatewayFile
    catalog: Catalog

    def plan(self, call: Call, key: KeySnapshot) -> Plan:
        """The plan for a call. Raises NotFound, Forbidden or BadRequest when nobody can serve it."""
        if key.test:
            return self._sandbox(call)
        targets = self.resolve(call.model)
        allowed = [target for target in targets if _allowed(key, call.model, target)]
        if not allowed:
            raise Forbidden(
                f"This key may not use the model {call.model!r}. Ask an admin of your organisation to allow it.",
                code="model_not_allowed",
                param="model",
            )
        return choose(call, allowed)

    def resolve(self, name: str) -> Sequence[Target]:
        """Targets a name stands for: a file's alias, `provider/model`, or a bare name of the catalogue."""
        alias = self.file.models.get(name)
        if alias is not None:
            return self._alias(alias, name)
        provider, slash, model = name.partition("/")
        if slash and provider in self.hosts:
            return self._at(self.hosts[provider], model)
        return self._bare(name)

    def _alias(self, alias: AliasEntry, name: str) -> Sequence[Target]:
        targets, missing = list[Target](), list[str]()
        for entry in alias.targets:
            host = self.hosts.get(entry.provider)
            if host is None:
                missing.append(f"Provider {entry.provider!r} is not known.")
            elif host.missing:
                missing.append(host.missing)
            else:
                targets += self._targets(host, entry.model, entry, alias)
        if not targets:
            raise _no_model(name, " ".join(dict.fromkeys(missing)))
        return targets

    def _at(self, host: Host, model: str) -> Sequence[Target]:
        if not model:
            raise _no_model(f"{host.id}/", f"Name a model after the slash, such as {host.id}/MODEL.")
        if host.missing:
            raise _no_model(f"{host.id}/{model}", host.missing)
        return self._targets(host, model, None, None)

    def _bare(self, name: str) -> Sequence[Target]:
        known = [model for model in self.catalog.resolve(name) if model.provider in self.hosts]
        if not known:
            hint = "Use provider/model (such as openai/gpt-4.1), or see GET /v1/models for the names this key may use."
            raise _no_model(name, hint)
        for model in known:
            host = self.hosts[model.provider]
            if not host.missing:
                return self._targets(host, name, None, None)
        raise _no_model(name, self.hosts[known[0].provider].missing)

    def _targets(self, host: Host, model: str, entry: TargetEntry | None, alias: AliasEntry | None) -> Sequence[Target]:
        defaults = self.file.defaults
        retries = defaults.retries if alias is None or alias.retries is None else alias.retries
        patience = _patience(defaults.timeouts, alias.timeouts if alias else Timeouts())
        return [
            Target(
                host=host,
                provider=host.provider.language(model),
                model=model,
                credential=credential,
                patience=patience,
                retries=retries,
                price=entry.price if entry else None,
            )
            for credential in host.credentials
        ]

    def _sandbox(self, call: Call) -> Plan:
        """A test key may name any model: the sandbox answers in its name."""
        host = self.hosts[SANDBOX]
        target = Target(host=host, provider=host.provider, model=call.model, credential=host.credentials[0], retries=0)
        return choose(call, [target])


def choose(call: Call, targets: Sequence[Target]) -> Plan:
    """Keep the targets that can honour the call, and say why the others cannot.

    Raises BadRequest `unsupported_parameter` when none is left.
    """
    able, passed_over, named = list[Target](), dict[str, str](), list[str]()
    for target in targets:
        provider = target.provider
        if call.operation not in provider.endpoints:
            passed_over[target.name] = f"{provider.title} has no {call.operation} endpoint"
            continue
        refused = frozenset(provider.refuses(call, target.model))
        dropped = refused if call.wishes.drop_unsupported else refused & _ALWAYS_DROPPABLE
        if refused - dropped:
            passed_over[target.name] = f"cannot honour {', '.join(sorted(refused - dropped))}"
            named += sorted(refused - dropped)
            continue
        able.append(replace(target, dropped=dropped) if dropped else target)
    if able or call.operation is Operation.COUNT_TOKENS:  # who cannot count is counted for
        return Plan(tuple(able), targets[0], passed_over)
    if named:
        raise BadRequest(
            f"{_reasons(passed_over)}. Leave {'it' if len(set(named)) == 1 else 'them'} out, choose another model, "
            "or send the header `x-llmgateway-unsupported: drop` to have it left out for you.",
            code="unsupported_parameter",
            param=named[0],
        )
    raise _no_model(call.model, f"{_reasons(passed_over)}. Choose a model whose provider does.")


def _reasons(passed_over: Mapping[str, str]) -> str:
    return "; ".join(f"{name} {why}" for name, why in passed_over.items())


def _allowed(key: KeySnapshot, asked: str, target: Target) -> bool:
    if key.providers is not None and target.host.id not in key.providers:
        return False
    return key.models is None or not key.models.isdisjoint((asked, target.model, target.name))


def _patience(defaults: Timeouts, own: Timeouts) -> Patience:
    standard = Patience()
    return Patience(
        connect=own.connect or defaults.connect or standard.connect,
        first_token=own.first_token or defaults.first_token or standard.first_token,
        idle=own.idle or defaults.idle or standard.idle,
        total=own.total or defaults.total or standard.total,
    )


def _no_model(name: str, hint: str) -> NotFound:
    return NotFound(f"The model {name!r} cannot be served. {hint}", code="model_not_found", param="model")


def operation_allowed(key: KeySnapshot, operation: Operation) -> bool:
    """Whether the key's scopes cover the operation."""
    return key.scopes is None or operation in key.scopes
