"""Every setting of a process, from its environment, read once on floor 4 and passed on as one frozen object."""

import re
from collections.abc import Mapping
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit

import structlog
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from llmgateway.errors import ConfigurationError
from llmgateway.kit.entries import mail_address, new_password
from llmgateway.kit.mistakes import first_mistake, nearest

log = structlog.get_logger()

_NEARLY = 0.85
"""From this similarity on (0 to 1), an unknown variable counts as a misspelt one."""
_SECRET_BYTES = 32
_SERVICE_LINK = re.compile(r"LLMGATEWAY_(?:PORT=(?:tcp|udp|sctp)://|PORT_\d+_|SERVICE_(?:HOST=|PORT[_=]))")
"""What Kubernetes tells every pod about a Service named llmgateway, such as `LLMGATEWAY_PORT=tcp://10.0.0.11:8080`.

Page: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables.
"""


def _split(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split)]


def _address(*schemes: str, host: bool = True) -> AfterValidator:
    """A URL with one of these schemes. The refusal does not repeat it, since it may hold a secret."""

    def check(value: str) -> str:
        url = urlsplit(value)
        if url.scheme not in schemes or (host and not url.hostname) or not _has_port(url):
            wanted = " or ".join(f"{scheme}://{'HOST' if host else ''}" for scheme in schemes)
            raise ValueError(f"must be a URL that begins with {wanted}")
        return value

    return AfterValidator(check)


def _postgres(value: str) -> str:
    """A URL of PostgreSQL, whatever driver it names."""
    url = urlsplit(value)
    if url.scheme.partition("+")[0] not in {"postgresql", "postgres"} or not _has_port(url):
        raise ValueError("must be a URL such as postgresql://USER:PASSWORD@HOST:5432/DATABASE")
    return value


def _has_port(url: SplitResult) -> bool:
    """Whether the URL has a valid port or none."""
    try:
        return url.port != 0
    except ValueError:
        return False


def _networks(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values == ("*",):
            break
        try:
            ip_network(value)
        except ValueError as error:
            raise ValueError(
                f"{value!r} is neither an address nor a network, such as 10.0.0.1 or 10.0.0.0/8"
            ) from error
    return values


Postgres = Annotated[str, AfterValidator(_postgres)]
WebAddress = Annotated[str, _address("https", "http")]


class Settings(BaseModel):
    """The environment, typed. A field's alias is its variable; an empty variable counts as unset."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    database_url: Postgres | None = Field(
        None, alias="DATABASE_URL", description="PostgreSQL; unset runs a private one in the data directory."
    )
    database_migration_url: Postgres | None = Field(
        None, alias="DATABASE_MIGRATION_URL", description="Its user may create roles; default DATABASE_URL."
    )
    redis_url: Annotated[str, _address("redis", "rediss", "unix", host=False)] | None = Field(
        None, alias="REDIS_URL", description="Redis or Valkey for limits and cache of several replicas."
    )
    redis_host: str | None = Field(None, alias="REDIS_HOST", description="Instead of REDIS_URL.")
    redis_port: int = Field(6379, alias="REDIS_PORT", description="With REDIS_HOST.")
    redis_deadline_ms: int = Field(
        50, alias="LLMGATEWAY_REDIS_DEADLINE_MS", description="Milliseconds after which Redis counts as down.", gt=0
    )
    host: str = Field("127.0.0.1", alias="LLMGATEWAY_HOST", description="Address to listen on.")
    port: int = Field(
        8080, alias="LLMGATEWAY_PORT", description="Port to listen on; 0 takes a free one.", ge=0, le=65535
    )
    config: Path | None = Field(None, alias="LLMGATEWAY_CONFIG", description="The gateway.yaml to read.")
    data_dir: Path = Field(
        Path("~/.local/share/llmgateway"),
        alias="LLMGATEWAY_DATA_DIR",
        description="Journal, embedded database, keys of this installation. Missing parents are made.",
    )
    secret_key: Words = Field(
        (),
        alias="LLMGATEWAY_SECRET_KEY",
        description="Master keys, newest first, separated by commas; 32 bytes or more.",
    )
    jwt_secret_key: str | None = Field(None, alias="JWT_SECRET_KEY", description="Signs sessions; 32 bytes or more.")
    stripe_secret_key: str | None = Field(None, alias="STRIPE_SECRET_KEY", description="Switches billing on.")
    stripe_webhook_secret: str | None = Field(None, alias="STRIPE_WEBHOOK_SECRET", description="Checks webhooks.")
    stripe_api_base: WebAddress | None = Field(None, alias="STRIPE_API_BASE", description="Another Stripe, for tests.")
    trusted_proxies: Annotated[Words, AfterValidator(_networks)] = Field(
        (), alias="LLMGATEWAY_TRUSTED_PROXIES", description="Addresses whose X-Forwarded-For is believed."
    )
    metrics_token: str | None = Field(None, alias="LLMGATEWAY_METRICS_TOKEN", description="Opens /metrics to others.")
    large_bodies_mb: int = Field(
        512,
        alias="LLMGATEWAY_LARGE_BODIES_MB",
        description="MiB of requests over 1 MiB that a process holds at once, an organisation half of them; "
        "in memory they take up to four times that.",
        ge=1,
    )
    log_requests: Literal["all", "failed", "none"] = Field(
        "failed",
        alias="LLMGATEWAY_LOG_REQUESTS",
        description="Which requests get a line in the log: all, failed, none.",
    )
    otlp_endpoint: str | None = Field(
        None,
        alias="OTEL_EXPORTER_OTLP_ENDPOINT",
        description="Where OpenTelemetry's traces and measurements go (OTLP over HTTP, http://collector:4318); unset is off. "
        "The other OTEL_ variables of its SDK count too.",
    )
    otlp_contents: bool = Field(
        False,
        alias="OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
        description="true: spans also carry what was said, in requests whose organisation logs contents.",
    )
    metrics_folder: Path | None = Field(
        None,
        alias="PROMETHEUS_MULTIPROC_DIR",
        description="Where the processes behind one port keep their figures, so that each can tell the sum.",
    )
    markup_percent: Decimal = Field(
        Decimal(0),
        alias="LLMGATEWAY_MARKUP_PERCENT",
        description="What organisations pay beyond the provider's cost on this installation's credentials, in percent of it.",
        ge=0,
        le=1000,
        decimal_places=4,
    )
    request_fee_usd: Decimal = Field(
        Decimal(0),
        alias="LLMGATEWAY_REQUEST_FEE_USD",
        description="And for each request on them, in dollars.",
        ge=0,
        le=1000,
        decimal_places=9,
    )
    public_url: WebAddress | None = Field(
        None, alias="LLMGATEWAY_PUBLIC_URL", description="How people reach this gateway."
    )
    signup: Literal["on", "invite", "off"] = Field(
        "invite", alias="LLMGATEWAY_SIGNUP", description="Who may sign up: everybody, whoever is invited, nobody."
    )
    smtp_url: Annotated[str, _address("smtp", "smtp+starttls", "smtps")] | None = Field(
        None, alias="LLMGATEWAY_SMTP_URL", description="Mail; unset prints it to the console."
    )
    mail_from: str | None = Field(None, alias="LLMGATEWAY_MAIL_FROM", description="The sender of mail.")
    bootstrap_email: Annotated[str, AfterValidator(mail_address)] | None = Field(
        None, alias="LLMGATEWAY_BOOTSTRAP_EMAIL", description="The first owner."
    )
    bootstrap_password: Annotated[str, AfterValidator(new_password)] | None = Field(
        None, alias="LLMGATEWAY_BOOTSTRAP_PASSWORD", description="The first owner's password; 12 characters or more."
    )
    bootstrap_api_key: str | None = Field(
        None,
        alias="LLMGATEWAY_BOOTSTRAP_API_KEY",
        description="The first key, taken as given.",
        pattern=r"^lgw_(live|test)_[A-Za-z0-9_]{16,}$",
    )
    drain_delay: float = Field(
        5.0, alias="LLMGATEWAY_DRAIN_DELAY", description="Seconds of listening on after SIGTERM.", ge=0
    )
    drain_timeout: float = Field(
        60.0, alias="LLMGATEWAY_DRAIN_TIMEOUT", description="Seconds that open streams get after SIGTERM.", ge=0
    )
    environment: Mapping[str, str] = Field(
        default_factory=dict[str, str],
        exclude=True,
        repr=False,
        description="The whole environment, for <PROVIDER>_API_KEY, <PROVIDER>_BASE_URL and the ${VAR} of gateway.yaml.",
    )

    @property
    def production(self) -> bool:
        """Whether DATABASE_URL is set: then no secret is made up, and all of them must be given."""
        return self.database_url is not None

    def misspelt(self) -> Mapping[str, str]:
        """Misspelt variables -> the setting that each is nearly the name of."""
        known = [field.alias for field in type(self).model_fields.values() if field.alias]
        strangers = [name for name in self.environment if name.startswith("LLMGATEWAY_") and name not in known]
        near = {name: nearest(name.removesuffix("_FILE"), known, _NEARLY) for name in strangers}
        return {name: meant for name, meant in near.items() if meant and meant != name.removesuffix("_FILE")}

    @model_validator(mode="after")
    def _production_needs_secrets(self) -> Self:
        for name, secrets in (
            ("LLMGATEWAY_SECRET_KEY", self.secret_key),
            ("JWT_SECRET_KEY", (self.jwt_secret_key,) if self.jwt_secret_key else ()),
        ):
            if self.production and not secrets:
                raise ValueError(f"{name} must be set when DATABASE_URL is: 32 bytes or more, `openssl rand -hex 32`")
            if any(len(secret.encode()) < _SECRET_BYTES for secret in secrets):
                raise ValueError(f"{name} is too short: 32 bytes or more, `openssl rand -hex 32` makes one")
        return self


def load_settings(environ: Mapping[str, str], config: Path | None = None) -> Settings:
    """Read the settings, with another gateway.yaml where one is named. Raises ConfigurationError with one sentence that names the variable."""
    given = _with_files(_meant_for_us(environ))
    try:
        settings = Settings.model_validate({**given, "environment": given})
    except ValidationError as error:
        raise ConfigurationError(first_mistake(error)) from error
    changes: dict[str, Path] = {"data_dir": settings.data_dir.expanduser().absolute()}
    return settings.model_copy(update=changes if config is None else {**changes, "config": config})


def _meant_for_us(environ: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environ.items() if value and not _SERVICE_LINK.match(f"{name}={value}")}


def _with_files(given: Mapping[str, str]) -> dict[str, str]:
    """The variables, those too whose value lies in the file that NAME_FILE names, as secrets of containers do.

    Raises ConfigurationError.
    """
    known = {field.alias for field in Settings.model_fields.values()}
    whole = dict(given)
    for variable, path in given.items():
        name = variable.removesuffix("_FILE")
        if name == variable or not (name in known or name.endswith(("_API_KEY", "_ACCESS_KEY"))):
            continue
        if name in given:
            raise ConfigurationError(f"{name} and {variable} are both set. Leave one of them out.")
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{variable}: {path} cannot be read: {error}.") from error
        if value:
            whole[name] = value
    return whole


def warn_of_misspelt(settings: Settings) -> None:
    """Log each variable that is no setting but nearly one: what it was to set holds its default."""
    for variable, meant in settings.misspelt().items():
        log.warning("a variable of the environment is no setting", variable=variable, meant=meant)
