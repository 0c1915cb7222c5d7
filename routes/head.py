"""HEAD: what GET would answer, without its body (RFC 9110, 9.3.2)."""

from starlette.types import Message, Receive, Scope, Send

from routes.middleware import Middleware


class Head(Middleware):
    """Answers HEAD wherever GET is answered."""

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, as GET if it is HEAD; a stream is at its end once it has begun."""

        async def begin(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        if scope["method"] == "HEAD":
            await self._app({**scope, "method": "GET"}, receive, begin)
        else:
            await self._app(scope, receive, send)
