"""Error answers of the control plane: every exception becomes one JSON shape, with the request's id."""

from collections.abc import Sequence
from typing import Any, cast

import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException

from llmgateway.db.session import DATABASE_ERRORS, is_fault_of_data
from llmgateway.errors import BadRequest, Conflict, InternalFault, Problem, Unavailable

log = structlog.get_logger()

_LABELS = frozenset({"body", "query", "path", "header", "cookie"})


def problem_response(problem: Problem, request: Request) -> JSONResponse:
    """The error answer of a problem: `{"error": {code, message, param, request_id}}`."""
    error: dict[str, Any] = {"code": problem.code, "message": problem.message, "param": problem.param}
    if problem.resets_at is not None:
        error["resets_at"] = problem.resets_at.isoformat()
    error["request_id"] = request_id(request)
    headers = dict(problem.headers)
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    if problem.http_status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse({"error": error}, problem.http_status, headers=headers)


def request_id(request: Request) -> str:
    """The id in the answer's `x-request-id` header."""
    return str(request.scope.get("llmgateway.request_id", ""))


def install_handlers(app: FastAPI) -> None:
    """Register an error answer for every exception that can leave a route."""

    async def told(request: Request, error: Exception) -> JSONResponse:
        return problem_response(cast("Problem", error), request)

    async def invalid(request: Request, error: Exception) -> JSONResponse:
        return problem_response(_sentence(cast("RequestValidationError", error)), request)

    async def http(request: Request, error: Exception) -> JSONResponse:
        return problem_response(_of_framework(cast("HTTPException", error), request), request)

    async def database(request: Request, error: Exception) -> JSONResponse:
        return problem_response(_of_database(error), request)

    async def fault(request: Request, _error: Exception) -> JSONResponse:
        message = f"The gateway made a mistake with this request. Tell its operator the id {request_id(request)}."
        return problem_response(InternalFault(message), request)

    app.add_exception_handler(Exception, fault)  # the door logs it
    app.add_exception_handler(Problem, told)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, database)


def _sentence(error: RequestValidationError) -> BadRequest:
    """The first mistake of a request, with the field as the caller wrote it."""
    first = cast("Sequence[dict[str, Any]]", error.errors())[0]
    where = [str(part) for part in first["loc"] if part not in _LABELS]
    message = str(first["msg"]).removeprefix("Value error, ")
    if first["type"] == "timezone_aware":
        message = "must say its time zone, such as 2026-11-01T00:00:00Z"
    if first["type"] == "extra_forbidden":
        message = "there is no such field here. See /api/v1/openapi.json"
    if first["type"] == "json_invalid":
        return BadRequest("The body is not JSON. Send an object with `content-type: application/json`.")
    param = ".".join(where) or None
    return BadRequest(f"{param}: {message}." if param else f"The request is not complete: {message}.", param=param)


def _of_framework(error: HTTPException, request: Request) -> Problem:
    """The problem for what FastAPI refuses: unknown paths and methods, bodies that cannot be read."""
    detail = str(jsonable_encoder(error.detail))
    known = {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}
    problem = BadRequest(
        f"There is no {request.method} {request.url.path} here. See /api/v1/openapi.json."
        if error.status_code in {404, 405}
        else detail,
        code=known.get(error.status_code, "invalid_request"),
    )
    return _WithStatus(problem, error.status_code, tuple((error.headers or {}).items()))


class _WithStatus(Problem):
    """A problem with the HTTP status that FastAPI chose."""

    def __init__(self, problem: Problem, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        super().__init__(problem.message, code=problem.code, headers=headers)
        self._status = status

    @property
    def http_status(self) -> int:
        return self._status


def _of_database(error: Exception) -> Problem:
    if isinstance(error, IntegrityError):
        return Conflict("Something with this name exists already, or was changed at the same moment. Look again.")
    if is_fault_of_data(error):
        return BadRequest("The request holds a value that cannot be stored, such as a NUL character.")
    state = str(getattr(getattr(error, "orig", None), "sqlstate", "") or "")
    if state.startswith(("42", "XX")):
        log.error("a statement of the control plane was refused", exc_info=error)
        return InternalFault("The gateway made a mistake with this request; nothing was changed.")
    log.warning("the control plane cannot reach its database", reason=str(error) or type(error).__name__)
    return Unavailable("The gateway's database does not answer. Try again shortly.", retry_after=2)
