"""How errors are told: one form for the whole API, one status for each kind of error."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from network.errors import (
    AccessError,
    ApprovalError,
    MissingError,
    MoveError,
    RightError,
    SignInError,
    StaleError,
    StoreError,
    StoreUnavailableError,
    ThroughbandError,
)
from throughband.console.kept import StillMadeError
from throughband.console.tunings import TuningEndedError
from throughband.console.work import TooManyRunsError
from throughband.people.door import TooManyAttemptsError

_log = logging.getLogger(__name__)


class Problem(BaseModel):
    """What went wrong."""

    error: str = Field(description="Kind of error.")
    message: str = Field(description="What, where, what was found, what is allowed.")
    changes: list[str] = Field(
        default_factory=list, description="What happened since the page was made, oldest first."
    )
    request_id: str = Field("", description="Correlation id, as in the log.")


STATUS: Final[dict[type[ThroughbandError], int]] = {
    TooManyAttemptsError: 429,
    TooManyRunsError: 429,
    TuningEndedError: 503,
    SignInError: 401,
    RightError: 403,
    AccessError: 422,
    MissingError: 404,
    StaleError: 409,
    MoveError: 409,
    ApprovalError: 409,
    StoreUnavailableError: 503,
    StoreError: 409,
    ThroughbandError: 422,
}
"""By kind of error, the nearest ancestor counts."""

_TOLD: Final = {
    400: "The request cannot be read.",
    401: "Nobody is signed in.",
    403: "The right is missing, or the form's token.",
    404: "There is none.",
    409: "It has changed meanwhile, or is not in a state for this.",
    413: "Too large.",
    422: "Something in the request is not allowed.",
    429: "Too many at a time, or too many failures.",
    503: "The database, the journal or a prediction cannot be used now; nothing was changed.",
}


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the errors of a route for OpenAPI; those that every route has come along."""
    every = {400, 401, 403, 422, 503} | set(statuses)
    return {status: {"model": Problem, "description": _TOLD[status]} for status in sorted(every)}


FOR_MACHINES: Final = ("/api/", "/healthz", "/readyz", "/metrics")
"""Where errors are told as JSON even where there are pages."""

ErrorPage = Callable[[Request, int, Problem], Response]


def status_of(error: ThroughbandError) -> int:
    """Return the status that an error is told with."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def told(request: Request, status: int, problem: Problem) -> Response:
    """Return a problem as JSON, or as a page for those who ask for pages."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    page: ErrorPage | None = getattr(request.app.state, "error_page", None)
    if page is not None and not request.url.path.startswith(FOR_MACHINES):
        return page(request, status, problem)
    return JSONResponse(problem.model_dump(), status, headers)


def tell_errors(app: FastAPI) -> None:
    """Have every error answered in the one form."""

    def of_ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, ThroughbandError)
        status = status_of(error)
        if status >= 500:
            _log.error("%s", error)
        problem = Problem(
            error=type(error).__name__.removesuffix("Error"),
            message=str(error),
            changes=list(error.changes) if isinstance(error, StaleError) else [],
            request_id=id_of(request),
        )
        answer = told(request, status, problem)
        if isinstance(error, TooManyAttemptsError):
            answer.headers["Retry-After"] = str(error.retry_after_s)
        return answer

    def of_input(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        first = error.errors()[0]
        where = ".".join(str(part) for part in first.get("loc", ()))
        problem = Problem(
            error="Input", message=f"{where}: {first.get('msg')}", request_id=id_of(request)
        )
        return told(request, 422, problem)

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        problem = Problem(error="HTTP", message=str(error.detail), request_id=id_of(request))
        answer = told(request, error.status_code, problem)
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        return answer

    app.add_exception_handler(ThroughbandError, of_ours)
    app.add_exception_handler(StillMadeError, still_made)
    app.add_exception_handler(RequestValidationError, of_input)
    app.add_exception_handler(HTTPException, of_http)


FAULT: Final = (
    "A fault of the console itself, not of what you asked for; the log has it under the reference. "
    "See whether it was done before you try again."
)


def fault(request: Request) -> Response:
    """Answer where the program failed: nothing of its inside is told."""
    return told(request, 500, Problem(error="Fault", message=FAULT, request_id=id_of(request)))


def still_made(request: Request, error: Exception) -> Response:
    """Say that what was asked for is being worked out, and when to ask again."""
    problem = Problem(error="StillMade", message=str(error), request_id=id_of(request))
    return JSONResponse(problem.model_dump(), 202, {"Retry-After": "1"})


def id_of(request: Request) -> str:
    """Return the correlation id of a request."""
    return str(getattr(request.state, "request_id", ""))
