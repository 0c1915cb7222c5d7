"""`make shop FILE=path.csv`: brings products, or customers with their money, into a running shop.

It asks the API, in batches that can be repeated: the same file again changes nothing, and one that
was cut off goes on. What is there already keeps its stock and its money; names and prices become
those of the file.

Exit codes: 0 when all of it is in, 1 when it is not, 2 when the file is no shop.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from config import LOOPBACK, Settings, read_settings
from contracts.base import MAX_ROWS, Contract
from operations.shop.shop_file import NoShop, read_shop
from operations.up import readiness

MOST_BYTES = 200_000
"""Of one request; the API takes 256 KiB."""

ANSWER_SECONDS = 20
PATIENCE_SECONDS = 60
"""So long a batch is sent again while the API, or a part behind it, gives no answer."""

PAUSE_SECONDS = 0.5
"""Before sending again, when the answer names no other time."""


class NotTaken(Exception):
    """The API does not take it; the message says why, and what to do."""


class Till:
    """Sends rows to the API."""

    def __init__(self, http: httpx.Client) -> None:
        """Send through `http`, whose base is the API's address."""
        self._http = http
        self._answered = False

    def send(self, path: str, name: str, rows: Sequence[Contract]) -> list[dict[str, Any]]:
        """Send all rows in batches and return the answers.

        Raises:
            NotTaken: the API does not answer in time, or not with yes.
        """
        answers, sent = [], 0
        for batch in batches([row.model_dump(mode="json", exclude_none=True) for row in rows]):
            try:
                answers.append(self._send(path, {name: batch}))
            except NotTaken as reason:
                raise NotTaken(f"after {sent} of {len(rows)} {name}: {reason}") from reason
            sent += len(batch)
        return answers

    def _send(self, path: str, body: Any) -> dict[str, Any]:
        """Send one batch until it is answered."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer, why = self._ask(path, body)
            if answer is not None and answer.is_success:
                told: dict[str, Any] = answer.json()
                return told
            if answer is not None and "Retry-After" not in answer.headers:
                raise NotTaken(why)
            pause = float(answer.headers["Retry-After"]) if answer is not None else PAUSE_SECONDS
            if time.monotonic() + pause > give_up:
                raise NotTaken(why)
            time.sleep(pause)

    def _ask(self, path: str, body: Any) -> tuple[httpx.Response | None, str]:
        """Send a batch once; return the answer, if there is one, and what to say of it."""
        try:
            answer = self._http.post(path, json=body)
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError) and not self._answered:
                told = f"nobody answers at {self._http.base_url}: start it with make up"
                raise NotTaken(told) from error
            return None, f"the API at {self._http.base_url} gives no answer: {error!r}"
        self._answered = True
        try:
            why = str(answer.json()["detail"])
        except (ValueError, KeyError, TypeError):
            why = f"what answers at {self._http.base_url} is no order saga"
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            why += " (set API_TOKEN to a token with the scope shop:manage, and to no customer's)"
        return answer, why


def batches(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows in batches that one request may hold."""
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        length = len(json.dumps(row)) + 1
        if batch and (len(batch) == MAX_ROWS or size + length > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(row)
        size += length
    if batch:
        yield batch


def fill(path: Path, http: httpx.Client) -> bool:
    """Bring a file into the shop and say what came of it; return whether all of it is in.

    Raises:
        NoShop: the file is none.
        NotTaken: the API does not take it.
    """
    shop, till = read_shop(path), Till(http)
    if shop.products:
        told = _summed(till.send("/stock", "products", shop.products))
        added, changed, left = told["added"], told["changed"], told["left"]
        print(f"products: {added} added, {changed} changed, {left} left as they are")
        if changed or left:
            print(
                "what is available of those known stays so: POST /stock/{sku}/movements changes it"
            )
        return True
    answers = till.send("/customers", "customers", shop.customers)
    told = _summed(answers)
    print(f"customers: {told['opened']} added, {told['left']} left as they are")
    if told["left"]:
        print("what is in them stays so: POST /customers/{customer_id}/deposits changes it")
    others = {
        name: code for answer in answers for name, code in answer["in_other_currency"].items()
    }
    for customer_id, currency in others.items():
        print(f"  the wallet of {customer_id} is in {currency}, and stays so", file=sys.stderr)
    return not others


def _summed(answers: Sequence[dict[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for answer in answers:
        total.update({name: count for name, count in answer.items() if isinstance(count, int)})
    return total


def client(settings: Settings) -> httpx.Client:
    """Return a client of the API that the settings name."""
    url, token = (
        settings.api_url or readiness.api_url(settings),
        settings.api_token.get_secret_value(),
    )
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=ANSWER_SECONDS,
        trust_env=urlsplit(url).hostname not in LOOPBACK,
    )


def main(path: Path) -> int:
    """Bring a file into the shop; return the exit code."""
    settings = read_settings()
    with client(settings) as http:
        try:
            return 0 if fill(path, http) else 1
        except NoShop as reason:
            print(reason, file=sys.stderr)
            return 2
        except NotTaken as reason:
            print(f"not taken: {reason}", file=sys.stderr)
            return 1
