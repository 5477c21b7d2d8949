"""The browser's refresh token: a cookie that scripts cannot read and other sites cannot send."""

from typing import Final
from urllib.parse import urlsplit

from fastapi import Request, Response

from llmgateway.controlplane.accounts.schemas import Tokens
from llmgateway.controlplane.accounts.sessions import ACCESS, IDLE, TokenPair
from llmgateway.controlplane.reception.dependencies import Dependencies
from llmgateway.errors import Forbidden

COOKIE: Final = "lgw_refresh"
_PATH: Final = "/api/v1/auth"


def hand_out(pair: TokenPair, response: Response, deps: Dependencies, *, in_body: bool) -> Tokens:
    """The answer of a login or refresh. The refresh token goes into the cookie, or with `in_body` into the body."""
    response.headers["cache-control"] = "no-store"
    if not in_body:
        response.set_cookie(
            COOKIE,
            pair.refresh,
            max_age=int(IDLE.total_seconds()),
            path=_PATH,
            secure=deps.address.startswith("https://"),
            httponly=True,
            samesite="strict",
        )
    return Tokens(
        access_token=pair.access,
        expires_in=int(ACCESS.total_seconds()),
        refresh_token=pair.refresh if in_body else None,
    )


def take_back(response: Response) -> None:
    """Delete the cookie."""
    response.delete_cookie(COOKIE, path=_PATH, httponly=True, samesite="strict")


def check_origin(request: Request, deps: Dependencies) -> None:
    """Raise Forbidden for a request whose `Origin` is another site's page: only our own pages may log people in or out."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    host = request.headers.get("host", "")
    if origin.rstrip("/") != deps.address and urlsplit(origin).netloc.lower() != host.lower():
        raise Forbidden("This request came from another site's page.", code="foreign_origin")
