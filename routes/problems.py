"""Errors as RFC 9457 problem+json: what is wrong, and what to do about it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi.responses import JSONResponse
from pydantic import BaseModel

from application.errors import (
    BatchIdTaken,
    CursorGone,
    KeyReused,
    NotFound,
    NotNow,
    NotPossible,
    OrderIdTaken,
    PricesWrong,
    RequestKeyReused,
    SagaWedged,
    SelectionGrew,
    ServiceError,
    TooManyBatches,
)
from contracts.text import printable

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
COME_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class FieldProblem(BaseModel):
    """One field that is wrong, and how."""

    field: str
    message: str


class ProblemDocument(BaseModel):
    """The body of every error."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] | None = None


class Problem(Exception):
    """An error that a caller gets as an answer; one who is to come again is told when."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: list[FieldProblem] | None = None,
    ) -> None:
        super().__init__(detail)
        self.document = ProblemDocument(
            type=f"urn:problem:{slug}",
            title=status.phrase,
            status=status,
            detail=printable(detail),  # it may repeat what others wrote
            errors=errors,
        )
        self.headers = dict(headers or {})
        if status in COME_AGAIN:
            self.headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))


class Row(NamedTuple):
    """How one kind of the application's errors is answered."""

    status: HTTPStatus
    slug: str


PROBLEMS: Mapping[type[ServiceError], Row] = {
    NotFound: Row(HTTPStatus.NOT_FOUND, "not-found"),
    NotPossible: Row(HTTPStatus.CONFLICT, "not-possible"),
    SelectionGrew: Row(HTTPStatus.CONFLICT, "selection-grew"),
    TooManyBatches: Row(HTTPStatus.CONFLICT, "too-many-batch-operations"),
    SagaWedged: Row(HTTPStatus.CONFLICT, "saga-wedged"),
    KeyReused: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused"),
    RequestKeyReused: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused"),
    BatchIdTaken: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "batch-id-reused"),
    OrderIdTaken: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "order-id-reused"),
    PricesWrong: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid"),
    CursorGone: Row(HTTPStatus.GONE, "cursor-gone"),
    NotNow: Row(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable"),
}
"""By kind of error; a kind without a row is answered as the nearest kind above it that has one."""


def problem_of(
    error: ServiceError, hint: str = "", headers: Mapping[str, str] | None = None
) -> Problem:
    """Return the problem that tells a caller of one of the application's errors.

    A `hint` follows the error's own sentence.
    """
    status, slug = next(PROBLEMS[kind] for kind in type(error).__mro__ if kind in PROBLEMS)
    return Problem(status, slug, f"{error}{hint}", headers=headers)


def answer(problem: Problem) -> JSONResponse:
    """Return the response that tells a problem."""
    body = problem.document.model_dump(exclude_none=True)
    return JSONResponse(body, problem.document.status, problem.headers, MEDIA_TYPE)


def declare(call: dict[str, Any], *statuses: HTTPStatus) -> None:
    """Add the problems of these statuses to what a call of an OpenAPI document answers."""
    responses = problem_responses(*statuses)
    call["responses"] |= {str(status): response for status, response in responses.items()}


def problem_responses(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares in the OpenAPI document about the problems it answers with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    retry = {
        "headers": {
            "Retry-After": {
                "description": "seconds",
                "schema": {"type": "string"},
                "required": True,
            }
        }
    }
    return {
        int(status): {
            "description": status.phrase,
            "content": content,
            **(retry if status in COME_AGAIN else {}),
        }
        for status in statuses
    }


AWAY = problem_responses(HTTPStatus.SERVICE_UNAVAILABLE)
"""Of a route that may find a part of the system away."""

INVALID = AWAY | problem_responses(HTTPStatus.UNPROCESSABLE_ENTITY)
"""Likewise of one that is told something, which may be wrong."""

ABSENT = INVALID | problem_responses(HTTPStatus.NOT_FOUND)
"""Likewise of one that is about one thing."""

REFUSED = ABSENT | problem_responses(HTTPStatus.CONFLICT)
"""Likewise of one that changes it."""
