"""Every error of the app as a problem document, and that document in OpenAPI."""

import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from application.errors import ORDER_DATABASE, Away, ServiceError
from contracts.prose import problems
from contracts.text import printable
from contracts.views import Closed
from routes.acts import missing_author
from routes.operations import note_refusal
from routes.problems import FieldProblem, Problem, ProblemDocument, answer, problem_of

MOST_FIELDS = 100
"""Of a thousand bad lines not all are listed."""

MOST_TOLD = 5
"""Fields that the detail names; the others are in `errors`."""

Addition = Callable[[dict[str, Any]], None]


def install(
    app: FastAPI, away: Iterable[type[Exception]], additions: Iterable[Addition] = ()
) -> None:
    """Make every error of the app a problem document, and describe that document in OpenAPI.

    Args:
        app: the app.
        away: what is raised while the order service's database does not answer.
        additions: each adds to the OpenAPI document.
    """
    for kind in away:
        app.exception_handler(kind)(_database_away)
    app.exception_handler(ServiceError)(_service_error)
    app.exception_handler(Problem)(_problem)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(Exception)(_defect)
    _describe_in_openapi(app, additions)


async def _database_away(_request: Request, error: Exception) -> JSONResponse:
    logging.getLogger("api").warning(
        "the order service's database gives no answer: %s", error.__cause__ or error
    )
    return answer(problem_of(Away(ORDER_DATABASE)))


async def _service_error(_request: Request, error: ServiceError) -> JSONResponse:
    return answer(problem_of(error))


async def _problem(request: Request, problem: Problem) -> JSONResponse:
    if problem.document.status == HTTPStatus.FORBIDDEN:
        await note_refusal(request, problem)
    return answer(problem)


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = problems([*error.errors(), *missing_author(request, error)])
    fields = [
        FieldProblem(field=printable(_field(place)), message=printable(message))
        for place, message in errors[:MOST_FIELDS]
    ]
    sentences = [f"{field.field}: {field.message}" for field in fields[:MOST_TOLD]]
    if len(errors) > len(sentences):
        sentences.append(f"and {len(errors) - len(sentences)} more")
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return answer(Problem(status, "invalid", "; ".join(sentences), errors=fields))


async def _http(request: Request, error: HTTPException) -> Response:
    status = HTTPStatus(error.status_code)
    path = request.url.path
    if status == HTTPStatus.NO_CONTENT:
        return Response(status_code=status)
    if status == HTTPStatus.NOT_FOUND:
        return answer(Problem(status, "not-found", f"there is nothing at {path}"))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        methods = _methods(request.app, path)
        detail = f"{path} is not for {request.method}, but for {methods}"
        return answer(Problem(status, "method-not-allowed", detail, headers={"Allow": methods}))
    return answer(Problem(status, "not-possible", str(error.detail), headers=error.headers))


async def _defect(_request: Request, _error: Exception) -> JSONResponse:
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer(Problem(status, "internal", "an error of ours; the log of the API has it"))


def _describe_in_openapi(app: FastAPI, additions: Iterable[Addition]) -> None:
    """Add the problem document to the schemas, and take FastAPI's own form of errors out."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for model in (ProblemDocument, Closed):
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}), **{model.__name__: schema})
            for leftover in ("HTTPValidationError", "ValidationError"):
                schemas.pop(leftover, None)
            for add in additions:
                add(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the document


def _methods(app: FastAPI, path: str) -> str:
    """Return the methods of all routes that serve a path; Starlette names those of the first.

    What has a path of its own, like `preview` among batch operations, is nothing of that name.
    """
    routes = [route for route in iter_route_contexts(app.routes) if route.path and route.methods]
    own_routes = [route for route in routes if route.path == path]
    methods: set[str] = set()
    for route in own_routes or routes:
        if route.path and route.methods and compile_path(route.path)[0].match(path):
            methods |= route.methods
    if "GET" in methods:
        methods.add("HEAD")  # by routes.head
    return ", ".join(sorted(methods))


def _field(location: tuple[Any, ...]) -> str:
    """Return a field's path as callers know it, like `lines.0.quantity`; the body is `body`."""
    path = location[1:] if len(location) > 1 and not isinstance(location[1], int) else location[:1]
    return ".".join(str(part) for part in path if part != "[key]")
