"""A process that delivers one command to a till, and stands still at each boundary.

`python -m tests.temporal_saga.charging_process DATABASE_URL BOOKS KIND charge|refund`: at each
boundary it writes a line, and goes on when it reads one. The bank's books are a file.
"""

import fcntl
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from temporal_saga.database import open_database
from tests.temporal_saga.bank import Bank, Charge, Kind
from tests.temporal_saga.boundaries import with_boundaries
from tests.temporal_saga.charging_participant import Till
from tests.temporal_saga.fenced_participant import Ask

LIMIT_SECONDS = 0.5
"""Of a call, and of the margin."""


class BankOnFile(Bank):
    """A bank whose books outlive whoever asks it."""

    def __init__(self, books: Path, kind: Kind, boundary: Callable[[], None]) -> None:
        super().__init__(kind)
        self._books = books
        self._boundary = boundary

    def _serve(self, name: str, request: Callable[[], Any]) -> Any:
        self._boundary()
        with self._books.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.read()
            answer = super()._serve(name, request)
            self._books.write_text(
                json.dumps(
                    {
                        "charges": [asdict(charge) for charge in self.charges.values()],
                        "keys": self.keys,
                        "closed_keys": sorted(self.closed_keys),
                    }
                )
            )
        self._boundary()
        return answer

    def read(self) -> None:
        """Take over what the books say."""
        text = self._books.read_text()
        if text:
            books = json.loads(text)
            self.charges = {charge["id"]: Charge(**charge) for charge in books["charges"]}
            self.keys = books["keys"]
            self.closed_keys = set(books["closed_keys"])


def main() -> None:
    """Deliver the command."""

    def boundary() -> None:
        sys.stdout.write("boundary\n")
        sys.stdout.flush()
        sys.stdin.readline()

    url, books, kind, act = sys.argv[1:]
    engine = open_database(url, pool_size=1)
    till = Till(
        with_boundaries(engine, boundary, boundary),
        BankOnFile(Path(books), Kind(kind), boundary),
        call_seconds=LIMIT_SECONDS,
        margin_seconds=LIMIT_SECONDS,
    )
    if act == "charge":
        till.charge(Ask())
    else:
        till.refund(Ask().taken_back())


if __name__ == "__main__":
    main()
