"""Errors as RFC 9457 `application/problem+json`, with every reason and its path."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from orderstream.domain.validation import MORE_REASONS, Violation, bounded
from orderstream.errors import CloudError, InputError, NotFoundError, OrderstreamError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2

_log = logging.getLogger(__name__)


class ProblemError(Exception):
    """A request that ends with a problem; `errors` has the reasons, `headers` are added to the response."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[Violation] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def document(problem: ProblemError, answers: int = 1) -> dict[str, Any]:
    """The problem as JSON values, one of `answers` in a response."""
    found: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
    }
    if problem.errors:
        found["errors"] = [msgspec.structs.asdict(reason) for reason in bounded(problem.errors, answers)]
    return found


def response(problem: ProblemError) -> Response:
    """The response to a request that ends with a problem."""
    body = msgspec.json.encode(document(problem))
    return Response(body, problem.status, problem.headers, MEDIA_TYPE)


def not_an_order(reasons: Sequence[Violation]) -> ProblemError:
    """The problem for an invalid order."""
    return not_valid("order", reasons)


def not_valid(what: str, reasons: Sequence[Violation]) -> ProblemError:
    """The problem for an invalid order or event."""
    number = f"{len(reasons)} rule{'s' * (len(reasons) > 1)}"
    if reasons[-1].code == MORE_REASONS:
        number = f"more than {len(reasons) - 1} rules"
    return ProblemError(422, f"the {what} breaks {number}", errors=reasons)


def try_again(detail: str) -> ProblemError:
    """The problem for a stream or table that is temporarily unavailable."""
    return ProblemError(503, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def problem_of(error: OrderstreamError, asked: str) -> ProblemError:
    """The problem that a client sees for our error; the log has the service. `asked` is a route."""
    if isinstance(error, NotFoundError):
        return ProblemError(404, error.message)
    if isinstance(error, InputError):
        return ProblemError(422, error.message)
    if isinstance(error, CloudError):
        # Log AWS's error rather than our message, which may name a customer.
        _log.warning("%s: %s", asked, error.__cause__ or type(error).__name__)
        return try_again("a service that is needed does not answer as it should")
    return ProblemError(500, "this should not have happened")


def register_error_handlers(app: FastAPI) -> None:
    """Make every error return a problem."""

    @app.exception_handler(ProblemError)
    async def of_ours(_: Request, error: ProblemError) -> Response:
        return response(error)

    @app.exception_handler(OrderstreamError)
    async def of_the_project(request: Request, error: OrderstreamError) -> Response:
        asked = f"{request.method} {request.scope['route'].path}"
        return response(problem_of(error, asked))

    @app.exception_handler(HTTPException)
    async def of_http(_: Request, error: HTTPException) -> Response:
        headers = dict(error.headers) if error.headers else None
        return response(ProblemError(error.status_code, str(error.detail), headers=headers))

    @app.exception_handler(RequestValidationError)
    async def of_parameters(_: Request, error: RequestValidationError) -> Response:
        reasons = [
            Violation(".".join(map(str, one["loc"])), one["type"], str(one["msg"])) for one in error.errors()
        ]
        return response(ProblemError(422, "a parameter is not as it should be", errors=reasons))

    @app.exception_handler(Exception)
    async def of_nobody(_: Request, error: Exception) -> Response:
        # Starlette reraises it: the traceback goes to the log, not to the client.
        return response(problem_of(OrderstreamError(repr(error)), ""))
