"""What stands before the routes, and looks at each request first."""

from abc import ABC, abstractmethod

from starlette.types import ASGIApp, Receive, Scope, Send

from routes.problems import Problem, answer


class Middleware(ABC):
    """Stands before an app, and passes on to it all that is no request."""

    exempt_paths: frozenset[str] = frozenset()
    """Requests for these are passed on as well, as if it were not there."""

    def __init__(self, app: ASGIApp) -> None:
        """Stand before `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer with the problem that is raised."""
        if scope["type"] != "http" or scope["path"] in self.exempt_paths:
            await self._app(scope, receive, send)
            return
        try:
            await self.serve(scope, receive, send)
        except Problem as problem:
            await answer(problem)(scope, receive, send)

    @abstractmethod
    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, by the app or otherwise.

        Raises:
            Problem: it is turned away.
        """
