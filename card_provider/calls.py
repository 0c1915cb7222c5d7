"""How a call is served: its limit, its key, its faults, its booking and its answer."""

import hashlib
import json
import time
from collections import deque
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from card_provider.books import API_VERSION, Answer, Books, new_id
from card_provider.endpoints import Endpoint
from card_provider.errors import ApiError, Body, failure, key_in_use, key_of_another, rate_limit
from card_provider.faults import AFTER_BOOKING, BEFORE_BOOKING, FaultKind, Faults
from card_provider.parameters import Form, read, read_form
from card_provider.payments import release_overdue

KEY_SECONDS = 24 * 3600.0
"""How long an idempotency key is remembered."""

REQUESTS_PER_SECOND = 100.0
"""The limit when nobody sets it: Stripe's for live keys."""


class RateLimit:
    """At most so many requests within any second."""

    def __init__(self, books: Books) -> None:
        """Take the limit from the books' settings."""
        self._books = books
        self._starts = deque[float]()

    def take(self) -> None:
        """Count a request.

        Raises:
            ApiError: it is one too many.
        """
        now = time.monotonic()
        while self._starts and self._starts[0] <= now - 1:
            self._starts.popleft()
        if len(self._starts) >= self._books.setting("requests_per_second", REQUESTS_PER_SECOND):
            raise rate_limit()
        self._starts.append(now)


class Calls:
    """Serves calls, each booked as one transaction together with the answer to its key."""

    def __init__(self, books: Books, faults: Faults) -> None:
        """Serve from these books, with these faults."""
        self._books = books
        self._faults = faults
        self._limit = RateLimit(books)
        self._keys_in_use = set[str]()

    async def serve(self, endpoint: Endpoint, request: Request) -> Response:
        """Answer a call.

        Raises:
            NoAnswer: its connection is to be closed.
        """
        request_id = new_id("req")
        key = request.headers.get("Idempotency-Key") if endpoint.method == "POST" else None
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        if key:
            headers["Idempotency-Key"] = key
        text = (await request.body()).decode() if key or endpoint.method == "POST" else ""
        try:
            self._limit.take()
            _authorise(request)
            form = read_form(text or request.url.query)
            answer = await self._answer(endpoint, request, form, key, request_id)
        except ApiError as error:
            return _response(error.status, error.body, headers)
        if answer.request_id != request_id:
            headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
        return _response(answer.status, answer.body, headers)

    async def _answer(
        self, endpoint: Endpoint, request: Request, form: Form, key: str | None, request_id: str
    ) -> Answer:
        if key in self._keys_in_use:
            raise key_in_use(str(key))
        path = request.url.path
        call = Answer(_fingerprint(endpoint.method, path, form), 200, {}, request_id)
        if key:
            self._keys_in_use.add(key)
        try:
            await self._faults.pass_by(BEFORE_BOOKING, request_id, endpoint.call)
            answer = self._book(endpoint, request.path_params.get("id", ""), form, key, call)
            await self._faults.pass_by(AFTER_BOOKING, request_id, endpoint.call)
        finally:
            self._keys_in_use.discard(key or "")
        return answer

    def _book(
        self, endpoint: Endpoint, object_id: str, form: Form, key: str | None, call: Answer
    ) -> Answer:
        """Do what the call asks and remember the answer, or find what was answered before.

        An error of the call itself is an answer like any other, and is remembered; one that came
        before it began is not.

        Raises:
            ApiError: its parameters are wrong, or its key is another call's.
        """
        with self._books.transaction():
            release_overdue(self._books)
            if key and (first := self._books.answer_to(key, KEY_SECONDS)):
                if first.request != call.request:
                    raise key_of_another(key)
                return first
            parameters = read(endpoint.parameters, form)
            try:
                answer = call._replace(body=endpoint.act(self._books, parameters, object_id))
            except ApiError as error:
                answer = call._replace(status=error.status, body=error.body)
            if self._faults.take([FaultKind.ERROR_AFTER_BOOKING], endpoint.call):
                trouble = failure()
                answer = call._replace(status=trouble.status, body=trouble.body)
            if key:
                self._books.remember(key, answer)
            return answer


def _authorise(request: Request) -> None:
    scheme, _, api_key = request.headers.get("Authorization", "").partition(" ")
    if scheme != "Bearer" or not api_key.startswith("sk_test_"):
        message = "You did not provide a secret test key (sk_test_…) as a bearer token."
        raise ApiError(401, "invalid_request_error", message)


def _fingerprint(method: str, path: str, form: Form) -> str:
    text = json.dumps([method, path, form], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _response(status: int, body: Body, headers: dict[str, str]) -> Response:
    if status in (HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE):
        headers["Stripe-Should-Retry"] = "true"
    elif "error" in body and status != HTTPStatus.TOO_MANY_REQUESTS:
        headers["Stripe-Should-Retry"] = "false"  # a remembered answer stays what it is
    return JSONResponse(body, status_code=status, headers=headers)
