"""What is said about people and their logins."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from llmgateway.controlplane.reception.bodies import Body, Email, Flag, Name, Password, Secret, Shown


class LoginBody(Body):
    """Who, and where the refresh token shall go."""

    email: Email
    password: Secret
    code: str | None = Field(None, max_length=40, description="Of the authenticator app, or a recovery code.")
    token_transport: Literal["cookie", "body"] = "cookie"  # noqa: S105 a way, not a secret

    @property
    def refresh_in_body(self) -> bool:
        """For tools; a browser gets the cookie."""
        return self.token_transport == "body"  # noqa: S105 a way, not a secret


class RefreshBody(Body):
    """Nothing for a browser, whose cookie comes along; the token for tools."""

    refresh_token: Secret | None = None


class LogoutBody(Body):
    """Here, or everywhere."""

    everywhere: Flag = False
    refresh_token: Secret | None = None


class TokenBody(Body):
    """What a mail carried."""

    token: Secret


class EmailBody(Body):
    """An address."""

    email: Email


class ResetBody(Body):
    """What a mail carried, and the new password."""

    token: Secret
    password: Password


class Tokens(Shown):
    """An access token for 15 minutes; the refresh token is in the cookie unless it was asked for in the body."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 a kind, not a secret
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None


class ProfileBody(Body):
    """What a person may change of themselves."""

    name: Name


class PasswordBody(Body):
    """The old one proves who asks."""

    current_password: Secret
    password: Password


class NewEmailBody(Body):
    """The password proves who asks."""

    email: Email
    password: Secret


class ConfirmBody(Body):
    """A code that the app shows now."""

    code: str = Field(max_length=40)


class Proof(Body):
    """Both, to switch the second factor off or to get other recovery codes."""

    password: Secret
    code: str = Field(max_length=40, description="Of the authenticator app, or a recovery code.")


class Profile(Shown):
    """A person, to themselves."""

    id: str
    email: str
    name: str
    email_verified: bool
    mfa: bool
    operator: bool
    created_at: datetime


class SessionShown(Shown):
    """One login."""

    id: str
    address: str
    agent: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    current: bool


class MfaSecret(Shown):
    """For the authenticator app; it counts once a code of it was confirmed."""

    secret: str
    uri: str


class RecoveryCodes(Shown):
    """Shown once; each works once."""

    recovery_codes: list[str]
