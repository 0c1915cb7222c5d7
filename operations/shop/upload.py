"""Sending a shop's rows to the API in batches, each repeated until it is answered."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from config import LOOPBACK, Settings
from contracts.base import MAX_ROWS, Contract
from operations.up import readiness

MOST_BYTES = 200_000
"""Of one request; the API takes 256 KiB."""

ANSWER_SECONDS = 20
PATIENCE_SECONDS = 60
"""A batch is repeated for so long while the API, or a part behind it, gives no answer."""

PAUSE_SECONDS = 0.5
"""Before a batch is repeated, when the answer names no other time."""


class NotAccepted(Exception):
    """The API does not take it; the message says why, and what to do."""


@dataclass(frozen=True)
class Answer:
    """What came of one request: the body, or why there is none and when to repeat it, if ever."""

    body: dict[str, Any] | None = None
    why: str = ""
    pause: float | None = None


class Uploader:
    """Sends rows to the API."""

    def __init__(self, http: httpx.Client) -> None:
        """Send through `http`, whose base is the API's address."""
        self._http = http
        self._has_answered = False

    def send(self, path: str, name: str, rows: Sequence[Contract]) -> list[dict[str, Any]]:
        """Send all rows in batches and return the answers.

        Raises:
            NotAccepted: the API does not answer in time, or refuses.
        """
        answers: list[dict[str, Any]] = []
        count = 0
        for batch in batches([row.model_dump(mode="json", exclude_none=True) for row in rows]):
            try:
                answers.append(self._send(path, {name: batch}))
            except NotAccepted as reason:
                raise NotAccepted(f"after {count} of {len(rows)} {name}: {reason}") from reason
            count += len(batch)
        return answers

    def _send(self, path: str, body: Any) -> dict[str, Any]:
        """Send one batch until it is answered."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self._post(path, body)
            if answer.body is not None:
                return answer.body
            if answer.pause is None or time.monotonic() + answer.pause > deadline:
                raise NotAccepted(answer.why)
            time.sleep(answer.pause)

    def _post(self, path: str, body: Any) -> Answer:
        """Send a batch once.

        Raises:
            NotAccepted: nobody has ever answered at this address.
        """
        where = self._http.base_url
        try:
            response = self._http.post(path, json=body)
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError) and not self._has_answered:
                raise NotAccepted(f"nobody answers at {where}: start it with make up") from error
            return Answer(why=f"the API at {where} gives no answer: {error!r}", pause=PAUSE_SECONDS)
        self._has_answered = True
        if response.is_success:
            return Answer(body=response.json())
        pause = response.headers.get("Retry-After")
        return Answer(why=self._why(response), pause=None if pause is None else float(pause))

    def _why(self, response: httpx.Response) -> str:
        """Return why the API refuses, in its own words, and what to do when it is the token."""
        try:
            why = str(response.json()["detail"])
        except (ValueError, KeyError, TypeError):
            return f"what answers at {self._http.base_url} is no order saga"
        if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            why += " (set API_TOKEN to a token with the scope shop:manage, and to no customer's)"
        return why


def batches(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in batches that one request may hold."""
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row)) + 1
        if batch and (len(batch) == MAX_ROWS or size + length > MOST_BYTES):
            yield batch
            batch = []
            size = 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def api_client(settings: Settings) -> httpx.Client:
    """Return a client of the API that the settings name."""
    url = settings.api_url or readiness.api_url(settings)
    token = settings.api_token.get_secret_value()
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=ANSWER_SECONDS,
        trust_env=urlsplit(url).hostname not in LOOPBACK,
    )
