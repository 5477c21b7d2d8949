"""What is said about credentials. Their secrets go in and never come out."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from llmgateway.controlplane.reception.bodies import Body, Name, Shown

Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,49}$")]
Value = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8_000, pattern=r"^[^\x00-\x1f\x7f]*$")
]
"""In one line, since most go out in a header."""
Option = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$")]
"""Part of an address, and nothing that leads to another."""


class NewCredential(Body):
    """A provider's key. Others than `api_key`, such as aws_secret_access_key, go into `secrets`."""

    provider: str = Field(max_length=50)
    name: Name
    api_key: Value | None = None
    secrets: Annotated[dict[Word, Value], Field(max_length=10)] = Field(default_factory=dict)
    options: Annotated[dict[Word, Option], Field(max_length=10)] = Field(
        default_factory=dict, description="Region, project and their like."
    )
    base_url: str | None = Field(None, max_length=500, description="https, and on the public internet.")


class CredentialShown(Shown):
    """A credential, as far as it can be recognised by."""

    id: str
    provider: str
    name: str
    last4: str
    base_url: str | None
    options: dict[str, str]
    created_by: str
    created_at: datetime
    checked_at: datetime | None
    check_result: str | None
