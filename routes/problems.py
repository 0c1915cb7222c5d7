"""Errors as RFC 9457 problem+json: what is wrong, and what to do about it."""

import logging
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from contracts.prose import problems
from contracts.text import cleaned
from contracts.views import Closed

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
COME_AGAIN = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
MOST_FIELDS = 100
"""Of a thousand bad lines not all are listed."""
MOST_TOLD = 5


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
    """An error that a caller is told of."""

    def __init__(
        self,
        status: HTTPStatus,
        slug: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        told = cleaned(detail)  # it may repeat what others wrote
        self.document = ProblemDocument(
            type=f"urn:problem:{slug}", title=status.phrase, status=status, detail=told
        )
        self.headers = headers


def unavailable(what: str) -> Problem:
    """Return the problem of a part that gives no answer now; asking again is safe."""
    return not_now(f"{what} gives no answer; nothing is lost, ask again")


def not_now(detail: str) -> Problem:
    """Return the problem of what cannot be served now, for a reason of ours; asking again is safe."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", detail, headers=headers)


def not_found(what: str) -> Problem:
    """Return the problem of something that does not exist."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", f"there is no {what}")


def answer(problem: Problem) -> JSONResponse:
    """Return the response that tells a problem, for what stands before the routes."""
    return _answer(problem.document, problem.headers)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
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


def install(
    app: FastAPI,
    away: Iterable[type[Exception]],
    describe: Iterable[Callable[[dict[str, Any]], None]] = (),
) -> None:
    """Make every error of the app a problem document, and describe that document in OpenAPI.

    Args:
        app: the app.
        away: what is raised while the order service's database does not answer.
        describe: each adds what else there is to be said in the OpenAPI document.
    """
    for kind in away:

        @app.exception_handler(kind)
        async def database(_request: Request, error: Exception) -> JSONResponse:
            logging.getLogger("api").warning(
                "the order service's database gives no answer: %s", error.__cause__ or error
            )
            return answer(unavailable("the order service's database"))

    @app.exception_handler(Problem)
    async def ours(_request: Request, problem: Problem) -> JSONResponse:
        return answer(problem)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        found = problems(error.errors())
        fields = [
            FieldProblem(field=cleaned(_field(place)), message=cleaned(message))
            for place, message in found[:MOST_FIELDS]
        ]
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        told = [f"{f.field}: {f.message}" for f in fields[:MOST_TOLD]]
        detail = "; ".join(
            [*told, f"and {len(found) - len(told)} more"] if len(found) > len(told) else told
        )
        return _answer(
            ProblemDocument(
                type="urn:problem:invalid",
                title=status.phrase,
                status=status,
                detail=detail,
                errors=fields,
            )
        )

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        status, path = HTTPStatus(error.status_code), request.url.path
        if status == HTTPStatus.NO_CONTENT:
            return Response(status_code=status)
        if status == HTTPStatus.NOT_FOUND:
            return answer(Problem(status, "not-found", f"there is nothing at {path}"))
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = _methods(app, path)
            detail = f"{path} is not for {request.method}, but for {allowed}"
            return answer(Problem(status, "method-not-allowed", detail, headers={"Allow": allowed}))
        return answer(Problem(status, "not-possible", str(error.detail), headers=error.headers))

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, _error: Exception) -> JSONResponse:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return _answer(
            Problem(status, "internal", "an error of ours; the log of the API has it").document
        )

    _describe_in_openapi(app, describe)


def _describe_in_openapi(
    app: FastAPI, describe: Iterable[Callable[[dict[str, Any]], None]]
) -> None:
    """Add the problem document to the schemas, and let no route claim to answer with FastAPI's own form of errors."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            template = ProblemDocument.model_json_schema(
                ref_template="#/components/schemas/{model}"
            )
            schemas.update(template.pop("$defs", {}), ProblemDocument=template)
            last_word = Closed.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(last_word.pop("$defs", {}), Closed=last_word)
            for leftover in ("HTTPValidationError", "ValidationError"):
                schemas.pop(leftover, None)
            for tell in describe:
                tell(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _methods(app: FastAPI, path: str) -> str:
    """Return the methods of all routes that serve a path; Starlette names those of the first."""
    found: set[str] = set()
    for route in iter_route_contexts(app.routes):
        if route.path and route.methods and compile_path(route.path)[0].match(path):
            found |= route.methods
    if "GET" in found:
        found.add("HEAD")  # by routes.head
    return ", ".join(sorted(found))


def _answer(document: ProblemDocument, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = document.model_dump(exclude_none=True)
    return JSONResponse(body, document.status, dict(headers) if headers else None, MEDIA_TYPE)


def _field(location: tuple[Any, ...]) -> str:
    """Return a field's path as the caller knows it, e.g. `lines.0.quantity`; the body itself is `body`."""
    path = location[1:] if len(location) > 1 and not isinstance(location[1], int) else location[:1]
    return ".".join(str(part) for part in path)
