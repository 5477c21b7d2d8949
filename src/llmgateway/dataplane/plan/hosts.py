"""Hosts: the providers as this installation has them, with their addresses and credentials."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from llmgateway.canon.call import Terms
from llmgateway.contract.snapshot import OrgSnapshot
from llmgateway.errors import ConfigurationError
from llmgateway.gateway_file import GatewayFile, ProviderEntry
from llmgateway.kit.mistakes import advice, question
from llmgateway.providers.base import Grant, Provider
from llmgateway.providers.openai_compatible import compatible_host

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A tenant's secrets, still sealed."""

    org_id: str
    data_key: bytes
    about: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Credential:
    """One set of secrets of a host. `id` names it in circuits and reports without showing it."""

    id: str
    secrets: Mapping[str, str] = field(repr=False)
    grant: Grant | None = None
    """How to get the `token`, where the secret is a short-lived one."""
    sealed: Sealed | None = field(default=None, repr=False)
    """Set for a tenant's own credential, which only dispatch opens."""


@dataclass(frozen=True, kw_only=True)
class Host:
    """A provider at an address. Without credentials it cannot be asked; `missing` then says what would help."""

    provider: Provider
    base_url: str
    template: str = ""
    """The address before its options were filled in, as in `https://{resource}.openai.azure.com`."""
    credentials: tuple[Credential, ...]
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    guarded: bool = False
    """Whether a tenant chose the address, so that it may only lead to the public internet."""
    operated: bool = False
    """Whether the operator chose the address, in gateway.yaml or the environment."""
    missing: str = ""
    """What the caller is told when there is no credential; empty when the host can be asked."""

    @cached_property
    def id(self) -> str:
        return self.provider.id

    @cached_property
    def region(self) -> str | None:
        """The region where its models run, since prices may depend on it; None where its settings do not say."""
        return self.provider.region(self.options, self.base_url)

    @cached_property
    def terms(self) -> Terms:
        """The terms of a call that asks for none, as far as its settings say."""
        return Terms(self.options.get("service_tier"), region=self.region)


def build_hosts(providers: Iterable[Provider], file: GatewayFile, environ: Mapping[str, str]) -> Mapping[str, Host]:
    """Every provider as this installation has it; gateway.yaml wins over the environment.

    Raises ConfigurationError, also for a target of the file whose provider there is not.
    """
    empty = ProviderEntry()
    declared = _declared(providers, file)
    _check_targets(file, declared)
    return {
        name: _host(provider, file.providers.get(name, empty), environ, in_file=name in file.providers)
        for name, provider in declared.items()
    }


def _declared(providers: Iterable[Provider], file: GatewayFile) -> Mapping[str, Provider]:
    """The built-in providers, and the file's servers that speak OpenAI's wire. Raises ConfigurationError."""
    built_in = {provider.id: provider for provider in providers}
    declared = dict(built_in)
    for name, entry in file.providers.items():
        if entry.type is not None:
            declared[name] = compatible_host(name, entry.base_url or "")
        elif name not in built_in:
            hint = question(name, built_in) or f"Those that are: {', '.join(sorted(built_in))}."
            raise ConfigurationError(
                f"gateway.yaml: providers.{name}: is not built in. {hint} Any other server takes `type: openai_compatible`."
            )
        _check_settings(declared[name], entry)
    return declared


def _check_targets(file: GatewayFile, declared: Mapping[str, Provider]) -> None:
    for name, alias in file.models.items():
        for position, target in enumerate(alias.targets):
            if target.provider not in declared:
                hint = question(target.provider, declared)
                raise ConfigurationError(
                    f"gateway.yaml: models.{name}.targets.{position}: provider {target.provider!r} is not known. {hint}".strip()
                )


def _check_settings(provider: Provider, entry: ProviderEntry) -> None:
    """Raises ConfigurationError for a setting that the provider does not have, such as a misspelt one, or needs."""
    unknown = sorted({*entry.options, *entry.secrets} - provider.setting_names)
    if unknown:
        hint = advice(unknown[0], {"base_url", "api_key", "api_keys", *provider.setting_names})
        raise ConfigurationError(
            f"gateway.yaml: providers.{provider.id}.{unknown[0]}: {provider.title} has no such setting. {hint}"
        )
    if entry.type is not None and not entry.base_url:
        raise ConfigurationError(f"gateway.yaml: providers.{provider.id}: `type: {entry.type}` needs a base_url")


def own_hosts(base: Host, org: OrgSnapshot) -> Sequence[Host]:
    """A host as an organisation asks it: once for each credential of its own, or as it is when it brought none."""
    data_key = org.data_key
    own = [one for one in org.credentials if one.provider == base.id and not not_to_be_brought(base, one.base_url)]
    if not own or data_key is None:
        return (base,)
    return [
        brought(
            base,
            Credential(
                f"{base.id}/{credential.id}",
                NOTHING,
                sealed=Sealed(
                    org_id=org.id,
                    data_key=data_key,
                    about=f"credentials.sealed:{credential.id}",
                    content=credential.sealed,
                ),
            ),
            credential.base_url,
            credential.options,
        )
        for credential in own
    ]


def brought(base: Host, credential: Credential, base_url: str | None, options: Mapping[str, str]) -> Host:
    """A host with a tenant's own credential, and the tenant's address where it gave one, which is then guarded."""
    template = (base_url or base.template or base.base_url).rstrip("/")
    wrote = base_url is not None or any(f"{{{name}}}" in template for name in options)
    known = {**base.options, **options}
    lacking = _lacking(base.provider, template, known)
    return replace(
        base,
        base_url=_filled(base.provider, template, known),
        credentials=() if lacking else (credential,),
        options=known,
        guarded=base.guarded or wrote,
        missing=f"{base.provider.title} needs its {lacking[0]}: say it in the credential's options." if lacking else "",
    )


def not_to_be_brought(host: Host, base_url: str | None) -> str:
    """Why a tenant cannot bring a credential for a host, as a sentence; empty when it can.

    On its own credentials a tenant is charged nothing: they are for what the operator does not pay for.
    """
    title = host.provider.title
    if host.provider.inside:
        return f"{title} lives in the gateway: it costs nothing, and takes no credential."
    if base_url is not None:
        return ""
    if not host.provider.credential:
        return f"{title} takes no key. To have a server of your own asked, send its base_url with the credential."
    if host.operated:
        return (
            f"{title} is asked at an address that the operator of this gateway chose, and takes no credentials but its own. "
            "To have it asked elsewhere, send a base_url with the credential."
        )
    return ""


def not_an_address(base_url: str) -> str:
    """Why nothing can be asked below an address, as a sentence; empty when it can. Whatever it holds is shown to people."""
    if "?" in base_url or "#" in base_url:
        return (
            "The address must end with its path: what is asked for is put behind it. A key belongs with the credential."
        )
    return ""


def unknown_option(provider: Provider, options: Collection[str]) -> str:
    """The first option that a tenant's credential does not have, as a sentence; empty when there is none. They are shown to people."""
    hidden = {"api_key", *provider.secret_names, *provider.granted_by}
    known = {*provider.needs, *provider.env} - hidden
    for name in sorted(options):
        if name in hidden:
            return f"`{name}` is a secret of {provider.title}: send it in `secrets`."
        if name not in known:
            return f"{provider.title} has no option `{name}`; it has {', '.join(sorted(known)) or 'none'}."
    return ""


def missing_secrets(provider: Provider, given: Collection[str]) -> str:
    """What a tenant's credential is made of, as a sentence, when these are not all of it; else empty."""
    sets = (provider.credential, *provider.credential_alternatives)
    if any(set(names) <= set(given) for names in sets):
        return ""
    return f"A credential of {provider.title} is made of {'; or '.join(map(', '.join, sets))}."


def _host(provider: Provider, entry: ProviderEntry, environ: Mapping[str, str], *, in_file: bool) -> Host:
    prefix = provider.id.upper().replace("-", "_")
    options = {
        name: value for name, value in _from_environment(provider, environ).items() if name not in provider.secret_names
    }
    options.update(entry.options)
    base_url = entry.base_url or environ.get(f"{prefix}_BASE_URL") or provider.base_url
    if why_not := not_an_address(base_url):
        place = f"gateway.yaml: providers.{provider.id}.base_url" if entry.base_url else f"{prefix}_BASE_URL"
        raise ConfigurationError(f"{place}: {why_not}")
    credentials = _credentials(provider, entry, environ)
    # A server of the operator's own may ask for no key at all.
    if not credentials and (not provider.credential or (in_file and entry.type is not None)):
        credentials = (Credential(f"{provider.id}/none", NOTHING),)
    missing = next(_missing(provider, prefix, credentials, base_url, options), "")
    return Host(
        provider=provider,
        base_url=_filled(provider, base_url, options).rstrip("/"),
        template=base_url,
        credentials=credentials if not missing else (),
        options=options,
        operated=entry.type is not None or base_url != provider.base_url,
        missing=missing,
    )


def _lacking(provider: Provider, template: str, options: Mapping[str, str]) -> list[str]:
    """Options that the address needs and that are not set."""
    return [name for name in provider.needs if f"{{{name}}}" in template and name not in options]


def _filled(provider: Provider, template: str, options: Mapping[str, str]) -> str:
    """The address with its options in their places; a place that nothing fills stays, so that a reader sees it."""
    for name in provider.needs:
        template = template.replace(f"{{{name}}}", options.get(name, f"{{{name}}}"))
    return template


def _credentials(provider: Provider, entry: ProviderEntry, environ: Mapping[str, str]) -> tuple[Credential, ...]:
    keys = entry.api_keys or ((entry.api_key,) if entry.api_key else ())
    if keys:
        return tuple(
            Credential(f"{provider.id}/{index}", {"api_key": key, **entry.secrets}) for index, key in enumerate(keys)
        )
    found = {**_from_environment(provider, environ), **entry.options, **entry.secrets}
    # What the file says is one credential: it is never completed with a token of the environment's.
    for given in (entry.secrets, found):
        for names in (provider.credential, *provider.credential_alternatives):
            if names and all(name in given for name in names):
                return (Credential(f"{provider.id}/0", {name: given[name] for name in names}),)
    secrets = {name: value for name, value in found.items() if name in provider.secret_names}
    grant = provider.grant(found, _files(provider, found))
    return (Credential(f"{provider.id}/0", secrets, grant),) if grant is not None else ()


def _files(provider: Provider, found: Mapping[str, str]) -> Mapping[str, bytes]:
    """The contents of the files that settings named `..._file` point to. Raises ConfigurationError."""
    files: dict[str, bytes] = {}
    for name, path in found.items():
        if name.endswith("_file"):
            try:
                files[name] = Path(path).read_bytes()
            except OSError as error:
                raise ConfigurationError(
                    f"{provider.title}: {name} {path} cannot be read: {error.strerror}."
                ) from error
    return files


def _from_environment(provider: Provider, environ: Mapping[str, str]) -> dict[str, str]:
    names = {"api_key": (f"{provider.id.upper().replace('-', '_')}_API_KEY",), **provider.env}
    found: dict[str, str] = {}
    for name, variables in names.items():
        value = next((environ[variable] for variable in variables if environ.get(variable)), None)
        if value is not None:
            found[name] = value
    return found


def _missing(
    provider: Provider, prefix: str, credentials: Collection[Credential], base_url: str, options: Mapping[str, str]
) -> Iterator[str]:
    """What a host needs and has not, each as a sentence that says how to set it."""
    if not credentials:
        yield _no_credential(provider, prefix)
    if not base_url:
        yield f"{provider.title} has no address yet: set {prefix}_BASE_URL, or base_url in gateway.yaml."
    for name in _lacking(provider, base_url, options):
        variables = " or ".join(provider.env.get(name, (f"{prefix}_{name.upper()}",)))
        yield f"{provider.title} needs its {name}: set {variables}, or {name} in gateway.yaml."


def _no_credential(provider: Provider, prefix: str) -> str:
    sets = [provider.credential, *provider.credential_alternatives[-1:]]
    sets += [provider.granted_by] if provider.granted_by else []
    ways = [
        ", ".join(" or ".join(provider.env.get(name, (f"{prefix}_{name.upper()}",))) for name in names)
        for names in sets
    ]
    in_the_file = "api_key" if "api_key" in provider.secret_names else ", ".join(sets[-1])
    return f"{provider.title} has no credential yet: set {'; or '.join(ways)}, or {in_the_file} in gateway.yaml."
