"""The provider's books: one SQLite file, each commit on disk before anybody hears of it."""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from card_provider.errors import Body, missing

API_VERSION = "2026-10-28.endive"
NOUNS = {"payment_intent": "PaymentIntent"}
"""How an error's sentence calls an object; others are called by their type."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, object TEXT NOT NULL,
    created INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS objects_in_turn ON objects (object, seq);
CREATE TABLE IF NOT EXISTS movements (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, payment TEXT NOT NULL, order_id TEXT,
    currency TEXT NOT NULL, amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    kind TEXT NOT NULL CHECK (kind IN ('authorised', 'captured', 'voided', 'refunded')),
    at REAL NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS movements_of_payment ON movements (payment);
CREATE INDEX IF NOT EXISTS movements_by_age ON movements (kind, at);
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL,
    request_id TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS search_index (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, body TEXT NOT NULL,
    at REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event TEXT NOT NULL, endpoint TEXT NOT NULL,
    at REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL,
    delivered_at REAL) STRICT;
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (due) WHERE delivered_at IS NULL;
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT;
CREATE VIEW IF NOT EXISTS order_amounts AS
SELECT order_id, currency, COUNT(DISTINCT payment) AS payments,
       SUM(IIF(kind = 'authorised', amount_minor, 0)) AS authorised_minor,
       SUM(IIF(kind = 'captured', amount_minor, 0)) AS captured_minor,
       SUM(IIF(kind = 'voided', amount_minor, 0)) AS voided_minor,
       SUM(IIF(kind = 'refunded', amount_minor, 0)) AS refunded_minor
FROM movements GROUP BY order_id, currency;
"""
"""`order_amounts` is what others may read: by the `order_id` of a payment's metadata, in minor
units. What is authorised and neither captured nor voided is still held on a card."""


class Answer(NamedTuple):
    """What was answered to the first call with a key."""

    request: str
    status: int
    body: Body
    request_id: str


class Books:
    """Everything the provider knows; for one thread.

    What is written within `transaction` is on disk when that ends, whatever kills the process then.
    """

    def __init__(self, path: Path) -> None:
        """Open the books at `path`, with the tables created that were missing."""
        self.public_url = ""
        """Where customers' browsers find the provider."""
        self.due_times: Callable[[float], Sequence[float]] = lambda now: [now]
        """When an event of a time is to be sent; more than once where there are more times."""
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        self._connection.executescript(SCHEMA)
        rows = self._connection.execute("SELECT name, value FROM settings")
        self._settings: dict[str, float] = {row["name"]: row["value"] for row in rows}

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all of it or nothing."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def query(self, statement: str, **values: Any) -> list[sqlite3.Row]:
        """Return the rows of a statement."""
        return self._connection.execute(statement, values).fetchall()

    # The clock, which can be set and can lie.

    def setting(self, name: str, default: float = 0.0) -> float:
        """Return a setting that outlives the process."""
        return self._settings.get(name, default)

    def set(self, name: str, value: float) -> None:
        """Change a setting."""
        self.query("REPLACE INTO settings VALUES (:name, :value)", name=name, value=value)
        self._settings[name] = value

    def now(self) -> float:
        """Return the time by which the provider acts, in seconds since 1970."""
        return time.time() + self.setting("clock_offset_seconds")

    def time_to_tell(self) -> int:
        """Return the time that it says it is, in `created` of what it makes."""
        return int(self.now() + self.setting("created_shift_seconds"))

    # Objects, and the money that they are about.

    def get(self, noun: str, object_id: str, parameter: str = "id") -> Body:
        """Return an object.

        Raises:
            ApiError: there is none of this type and id.
        """
        rows = self.query(
            "SELECT body FROM objects WHERE id = :id AND object = :object",
            id=object_id,
            object=noun,
        )
        if not rows:
            raise missing(NOUNS.get(noun, noun), object_id, parameter)
        return dict(json.loads(rows[0]["body"]))

    def save(self, body: Body) -> None:
        """Write an object, new or changed; the search index hears of it later."""
        text = json.dumps(body)
        self.query(
            "INSERT INTO objects (id, object, created, body) VALUES (:id, :object, :created, :body)"
            " ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            **{name: body[name] for name in ("id", "object", "created")},
            body=text,
        )
        if body["object"] == "payment_intent":
            self.query(
                "INSERT INTO search_index (id, body, at) VALUES (:id, :body, :at)",
                id=body["id"],
                body=text,
                at=self.now(),
            )

    def delete(self, object_id: str) -> None:
        """Have an object no more."""
        self.query("DELETE FROM objects WHERE id = :id", id=object_id)

    def move(self, payment: Body, kind: str, amount_minor: int) -> None:
        """Write what happened to a payment's money; no amount, no movement."""
        if not amount_minor:
            return
        self.query(
            "INSERT INTO movements (payment, order_id, currency, amount_minor, kind, at)"
            " VALUES (:payment, :order_id, :currency, :amount_minor, :kind, :at)",
            payment=payment["id"],
            order_id=payment["metadata"].get("order_id"),
            currency=payment["currency"],
            amount_minor=amount_minor,
            kind=kind,
            at=self.now(),
        )

    def announce(self, name: str, body: Body) -> None:
        """Write an event about an object, and that every endpoint for it must hear of it."""
        event = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": self.time_to_tell(),
            "data": {"object": body},
            "livemode": False,
            "pending_webhooks": 0,
            "request": None,
            "type": name,
        }
        self.save(event)
        for endpoint in self.query(
            "SELECT id FROM objects WHERE object = 'webhook_endpoint' AND EXISTS"
            " (SELECT 1 FROM json_each(body, '$.enabled_events') WHERE value IN ('*', :name))",
            name=name,
        ):
            now = self.now()
            for due in self.due_times(now):
                self.query(
                    "INSERT INTO deliveries (event, endpoint, at, due)"
                    " VALUES (:event, :endpoint, :at, :due)",
                    event=event["id"],
                    endpoint=endpoint["id"],
                    at=now,
                    due=due,
                )

    # Idempotency keys.

    def answer_to(self, key: str, lifetime_seconds: float) -> Answer | None:
        """Return what was answered to a key; what is older is forgotten."""
        forget = "DELETE FROM answers WHERE at <= :until"
        self.query(forget, until=self.now() - lifetime_seconds)
        for row in self.query("SELECT * FROM answers WHERE key = :key", key=key):
            return Answer(row["request"], row["status"], json.loads(row["body"]), row["request_id"])
        return None

    def remember(self, key: str, answer: Answer) -> None:
        """Write what is answered to a key."""
        self.query(
            "INSERT INTO answers VALUES (:key, :request, :status, :body, :request_id, :at)",
            key=key,
            **answer._asdict() | {"body": json.dumps(answer.body)},
            at=self.now(),
        )


def new_id(prefix: str) -> str:
    """Return an id that nothing else has."""
    return f"{prefix}_{secrets.token_hex(12)}"
