"""Base classes and field types of request and response bodies: unknown fields are refused, texts bounded, money is decimal text."""

from datetime import datetime
from typing import Annotated, Any, Final, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from llmgateway.kit.entries import LONGEST_ADDRESS, LONGEST_PASSWORD, SHORTEST_PASSWORD, mail_address, plain
from llmgateway.kit.money import parse_usd, usd

_FIRST_YEAR, _LAST_YEAR = 1970, 9000
_MAX_NANOS = 9_000_000_000_000_000


_T = TypeVar("_T")


class Body(BaseModel):
    """A request's body: a field that is not listed is an error, so that nothing is assigned by accident."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shown(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, from_attributes=True)


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(plain)]


Word = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")
]


def each_once(values: list[_T]) -> list[_T]:
    """The values in their order, without repetitions."""
    return list(dict.fromkeys(values))


def _one_or_all(value: str) -> str:
    host, _, model = value.partition("/")
    if "*" in value and (model != "*" or "*" in host or not host):
        raise ValueError("must be a model's name, or provider/* for all that a provider has")
    return value


AllowedModel = Annotated[Word, AfterValidator(_one_or_all)]

Email = Annotated[
    str, StringConstraints(max_length=LONGEST_ADDRESS), AfterValidator(plain), AfterValidator(mail_address)
]
Password = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD),
    AfterValidator(plain),
]
"""A new password."""
Secret = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=400)]
"""A password or token that is compared with a stored one."""


def _nanos(value: Any) -> int:
    if isinstance(value, bool | float) or not isinstance(value, str | int):
        raise ValueError('must be dollars as text, such as "12.50"')  # noqa: TRY004 pydantic reports ValueError only
    amount = parse_usd(str(value))
    if not 0 < amount <= _MAX_NANOS:
        raise ValueError("must be more than 0 and at most 9000000 dollars")
    return amount


def _decimal(value: Any) -> Any:
    return usd(value) if isinstance(value, int) else value


Dollars = Annotated[int, BeforeValidator(_nanos, json_schema_input_type=str)]
"""Dollars as decimal text in the body, nano-dollars in the code."""
DollarText = Annotated[str, BeforeValidator(_decimal, json_schema_input_type=str)]
"""Nano-dollars in the code, dollars as decimal text in the body."""


def _in_reach(value: datetime) -> datetime:
    if not _FIRST_YEAR <= value.year <= _LAST_YEAR:
        raise ValueError(f"must lie in the years {_FIRST_YEAR} to {_LAST_YEAR}")
    return value


Instant = Annotated[AwareDatetime, AfterValidator(_in_reach)]
"""A time with its offset, in a range of years that can be calculated with."""
MOST: Final = 1_000_000_000_000
"""The largest limit of requests or tokens."""
Cap = Annotated[int, Field(strict=True, ge=1, le=MOST)]
Flag = Annotated[bool, Field(strict=True)]
"""`true` or `false`: "no" and 1 are neither."""
Whole = Annotated[int, Field(strict=True)]
"""A number: "5" is a text, and `true` is not 1."""
Moment = datetime
