"""gateway.yaml: the operator's providers, aliases and defaults, read once and checked."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, cast

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from llmgateway.errors import ConfigurationError
from llmgateway.kit import yaml_text
from llmgateway.kit.mistakes import advice, first_mistake, question

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRETS = frozenset(
    {"api_key", "token", "aws_access_key_id", "aws_secret_access_key", "aws_session_token", "client_secret"}
)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _no_unknown_field(cls, value: Any) -> Any:
        """Told before anything that is missing, since the field that is meant may be."""
        for name in map(str, cast("dict[object, object]", value) if isinstance(value, dict) else ()):
            if name not in cls.model_fields:
                told = PydanticCustomError(
                    "extra_forbidden", "there is no such field. {advice}", {"advice": advice(name, cls.model_fields)}
                )
                raise ValidationError.from_exception_data(cls.__name__, [{"type": told, "loc": (name,), "input": None}])
        return cast("object", value)


def _text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_text)]
Strategy = Literal["priority", "weighted", "cheapest", "fastest"]


class ProviderEntry(BaseModel):
    """A provider: a built-in one overridden, or another server by `type: openai_compatible`."""

    model_config = ConfigDict(frozen=True, extra="allow")

    type: Literal["openai_compatible"] | None = None
    base_url: str | None = Field(default=None, pattern=r"^https?://")
    api_key: Text | None = None
    api_keys: tuple[Text, ...] = ()

    @model_validator(mode="after")
    def _options_are_text(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if not isinstance(value, str | int | float):
                hint = question(name, type(self).model_fields)
                raise ValueError(f"{name} must be a text. {hint}".strip())  # noqa: TRY004 pydantic reports ValueError only
        return self

    @property
    def secrets(self) -> dict[str, str]:
        """What must never be shown, `api_key` aside."""
        return {name: str(value) for name, value in (self.model_extra or {}).items() if name in _SECRETS}

    @property
    def options(self) -> dict[str, str]:
        """Region, project and their like."""
        return {name: str(value) for name, value in (self.model_extra or {}).items() if name not in _SECRETS}


def _in_reach(value: Decimal) -> Decimal:
    """Above it, what a request costs would not fit into the books; below the last decimal nothing is counted."""
    if not 0 <= value <= MOST_DOLLARS or value != round(value, DECIMALS):
        raise ValueError(f"must be dollars from 0 to {MOST_DOLLARS}, with at most {DECIMALS} decimals, such as 2.50")
    return value


MOST_DOLLARS: Final = 999_999
DECIMALS: Final = 12
Dollars = Annotated[Decimal, AfterValidator(_in_reach)]


class Price(_Part):
    """USD per million tokens, and per thousand requests and searches, as decimal text."""

    input: Dollars
    output: Dollars = Decimal(0)
    cached_input: Dollars | None = None
    cache_write: Dollars | None = None
    audio_input: Dollars | None = None
    audio_output: Dollars | None = None
    request: Dollars | None = None
    search: Dollars | None = None


class Timeouts(_Part):
    """Seconds a phase may take; what is left out falls back to `defaults`, then to the ones built in."""

    connect: float | None = Field(default=None, gt=0)
    first_token: float | None = Field(default=None, gt=0)
    idle: float | None = Field(default=None, gt=0)
    total: float | None = Field(default=None, gt=0)


class TargetEntry(_Part):
    """One place that can serve an alias."""

    provider: str
    model: Text
    weight: float = Field(default=1, gt=0)
    prefill: bool | None = None
    reasoning: bool | None = None
    context: int | None = Field(default=None, gt=0)
    price: Price | None = None


class AliasEntry(_Part):
    """A name of the operator's own for one or several targets."""

    strategy: Strategy = "priority"
    targets: tuple[TargetEntry, ...] = Field(min_length=1)
    retries: int | None = Field(default=None, ge=0, le=5)
    timeouts: Timeouts = Timeouts()


class Defaults(_Part):
    """What an alias does not say."""

    retries: int = Field(default=2, ge=0, le=5)
    timeouts: Timeouts = Timeouts()
    keepalive: float = Field(default=15, gt=0)


class CacheEntry(_Part):
    """Response caching; absent is off."""

    ttl: int = Field(gt=0)
    max_bytes: int = Field(default=64 << 20, gt=0)


class GatewayFile(_Part):
    """The whole file."""

    providers: Mapping[str, ProviderEntry] = Field(default_factory=dict[str, ProviderEntry])
    models: Mapping[str, AliasEntry] = Field(default_factory=dict[str, AliasEntry])
    defaults: Defaults = Defaults()
    cache: CacheEntry | None = None

    @cached_property
    def prices(self) -> Mapping[tuple[str, str], Price]:
        """What the operator says that a provider's model costs; of several prices the first."""
        priced = [target for alias in self.models.values() for target in alias.targets]
        return {(one.provider, one.model): one.price for one in reversed(priced) if one.price is not None}

    @model_validator(mode="before")
    @classmethod
    def _empty_sections(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        sections = cast("dict[object, object]", value)
        return {name: it for name, it in sections.items() if it is not None or name not in cls.model_fields}


def load_gateway_file(path: Path, environ: Mapping[str, str]) -> GatewayFile:
    """Read and check the file. Raises ConfigurationError with one sentence that names the place."""
    try:
        content: object = yaml_text.parse(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text") from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    content = {} if content is None else content
    if not isinstance(content, dict):
        raise ConfigurationError(f"{path}: must be a mapping with `providers`, `models`, `defaults`, `cache`")
    try:
        return GatewayFile.model_validate(_expand(cast("object", content), "", path, environ))
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {first_mistake(error)}") from error


def _expand(value: object, where: str, path: Path, environ: Mapping[str, str]) -> object:
    """Put environment variables in for ${VAR}, in every text of the file."""
    if isinstance(value, dict):
        mapping = cast("dict[object, object]", value)
        return {key: _expand(item, f"{where}.{key}".strip("."), path, environ) for key, item in mapping.items()}
    if isinstance(value, list):
        items = cast("list[object]", value)
        return [_expand(item, f"{where}.{index}", path, environ) for index, item in enumerate(items)]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        name = match[1]
        if not environ.get(name):
            raise ConfigurationError(f"{path}: {where}: the environment variable {name} is not set")
        return environ[name]

    return _VARIABLE.sub(variable, value)
