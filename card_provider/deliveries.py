"""Events on their way to webhook endpoints: signed, sent until a 2xx, and disturbed on demand."""

import asyncio
import hashlib
import hmac
import json
import random
import sqlite3

import httpx
from pydantic import BaseModel, ConfigDict, Field

from card_provider.books import Books
from card_provider.errors import ApiError

LOOK_SECONDS = 0.1
ANSWER_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 3600.0
GIVE_UP_SECONDS = 3 * 24 * 3600.0


class Disturbance(BaseModel):
    """How deliveries are sent: held back, late, several times, in another order.

    Each copy of an event from now on is due `late_seconds` after it and up to `shuffle_seconds`
    more, by chance drawn from `seed`. With `hold`, nothing is sent but by hand.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hold: bool = False
    late_seconds: float = Field(default=0, ge=0)
    shuffle_seconds: float = Field(default=0, ge=0)
    copies: int = Field(default=1, ge=1)
    seed: int = 0


class Deliveries:
    """Sends what is due."""

    def __init__(self, books: Books) -> None:
        """Send from these books, undisturbed."""
        self._books = books
        self._is_over = False
        books.due_times = self._due_times
        self.disturb(Disturbance())

    def disturb(self, disturbance: Disturbance) -> None:
        """Send so from now on."""
        self._disturbance = disturbance
        self._chance = random.Random(disturbance.seed)  # noqa: S311 # chance that can be repeated

    async def run(self) -> None:
        """Send until `stop`; each look asks by the provider's own clock what is due."""
        async with _client() as client:
            while not self._is_over:
                for row in self._due():
                    if self._disturbance.hold:
                        break
                    await self._deliver(client, row)
                await asyncio.sleep(LOOK_SECONDS)

    def stop(self) -> None:
        """End `run` after what is under way."""
        self._is_over = True

    async def send(self, event_id: str) -> dict[str, int]:
        """Send an event now, whatever was sent before; return each endpoint's status, 0 for none.

        Raises:
            ApiError: there is no such event.
        """
        self._books.get("event", event_id)
        rows = self._books.query(
            "SELECT DISTINCT endpoint FROM deliveries JOIN objects ON id = endpoint"
            " WHERE event = :event",
            event=event_id,
        )
        async with _client() as client:
            return {
                row["endpoint"]: await self._post(client, event_id, row["endpoint"]) for row in rows
            }

    def _due_times(self, now: float) -> list[float]:
        plan = self._disturbance
        start = now + plan.late_seconds
        return [start + self._chance.uniform(0, plan.shuffle_seconds) for _ in range(plan.copies)]

    def _due(self) -> list[sqlite3.Row]:
        return self._books.query(
            "SELECT deliveries.* FROM deliveries JOIN objects ON id = endpoint"
            " WHERE delivered_at IS NULL AND due <= :now ORDER BY due, deliveries.seq LIMIT 100",
            now=self._books.now(),
        )

    async def _deliver(self, client: httpx.AsyncClient, row: sqlite3.Row) -> None:
        """Send once; when that is in vain, plan the next time."""
        status = await self._post(client, row["event"], row["endpoint"])
        now = self._books.now()
        is_over = status // 100 == 2 or now - row["at"] > GIVE_UP_SECONDS  # noqa: PLR2004 # HTTP
        pause = min(2.0 ** min(row["tries"], 20), LONGEST_PAUSE_SECONDS)
        self._books.query(
            "UPDATE deliveries SET tries = tries + 1, due = :due, delivered_at = :delivered_at"
            " WHERE seq = :seq",
            seq=row["seq"],
            due=now + pause,
            delivered_at=now if is_over else None,
        )

    async def _post(self, client: httpx.AsyncClient, event_id: str, endpoint_id: str) -> int:
        try:
            endpoint = self._books.get("webhook_endpoint", endpoint_id)
        except ApiError:
            return 0  # it was deleted while another was sent to
        text = json.dumps(self._books.get("event", event_id))
        moment = int(self._books.now())
        mac = hmac.new(endpoint["secret"].encode(), f"{moment}.{text}".encode(), hashlib.sha256)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": f"t={moment},v1={mac.hexdigest()}",
        }
        try:
            answer = await client.post(endpoint["url"], content=text, headers=headers)
        except httpx.HTTPError:
            return 0
        return answer.status_code


def _client() -> httpx.AsyncClient:
    return httpx.AsyncClient(timeout=ANSWER_SECONDS, trust_env=False)
