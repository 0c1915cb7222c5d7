"""What a request costs before its route is called."""

import inspect
from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from api import create_app
from config import Settings

READS_FILES = frozenset({"console", "read_llms_index", "read_docs_page"})
"""These may wait for a disk, so they are called on a thread."""


def on_threads(dependant: Dependant) -> Iterator[str]:
    """Yield what FastAPI would call on a thread: whatever is not `async`."""
    call = dependant.call
    is_async = inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call)
    if call is not None and not is_async:
        yield getattr(call, "__name__", repr(call))
    for dependency in dependant.dependencies:
        yield from on_threads(dependency)


def test_nothing_of_a_request_waits_for_a_thread() -> None:
    """Each thread costs more than all that is decided there; files and databases are worth it."""
    app = create_app(Settings())
    contexts = iter_route_contexts(app.routes)
    routes = [each.route for each in contexts if isinstance(each.route, APIRoute)]
    assert len(routes) > 15
    names = {name for route in routes for name in on_threads(route.dependant)}
    assert names <= READS_FILES
