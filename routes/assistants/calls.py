"""How a tool asks the HTTP API: within the process that serves it, or over the network."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from routes.assistants.words_of_others import NOTE, NoAnswer, quote

MOST_SECONDS = 45
"""More than the API takes for its longest answer, which waits 30 s for an order to close."""

MOST_OF_A_REFUSAL = 1_000

Query = Mapping[str, str | int | float | bool | None]


class ApiCalls:
    """Calls the HTTP API as one caller."""

    def __init__(
        self, http: httpx.AsyncClient, may_call: Callable[[str], bool], *, has_token: bool
    ) -> None:
        """Ask through a client.

        Args:
            http: leads to the API, and says who asks.
            may_call: tells whether the caller may call a route, like `GET /orders`. The API itself
                decides; this only says what need not be offered.
            has_token: whether a token says who decides.
        """
        self._http = http
        self.has_token = has_token
        self.may_call = may_call

    async def get(self, path: str, query: Query | None = None) -> Any:
        """Return what the API answers.

        Raises:
            NoAnswer: it answers with a problem, or not at all.
        """
        return await self._call("GET", path, params=query)

    async def post(
        self, path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> Any:
        """Return likewise what it answers to a body."""
        return await self._call("POST", path, json=body, headers=headers)

    async def _call(self, method: str, path: str, **parts: Any) -> Any:
        try:
            answer = await self._http.request(method, path, timeout=MOST_SECONDS, **parts)
            document = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            why = f"the API at {self._http.base_url} gives no answer: {error}"
            raise _refusal("unavailable", why) from error
        if answer.status_code < HTTPStatus.BAD_REQUEST:
            return document
        kind = str(document.get("type", "")).removeprefix("urn:problem:")
        raise _refusal(f"{answer.status_code} {kind}", str(document.get("detail")))


def _refusal(kind: str, detail: str) -> NoAnswer:
    """Return that the API says no, or nothing, in its own sentence; `kind` says which error."""
    return NoAnswer(f"The API refuses ({kind}): {quote(detail, MOST_OF_A_REFUSAL)}. {NOTE}")
