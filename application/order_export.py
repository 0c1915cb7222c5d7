"""A list of orders as one file: all pages of a filter up to a most, as JSON or as a table."""

import csv
import io
import json
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from pydantic import Field

from application.order_list import ShownPage
from application.order_query import SortedQuery
from contracts.money import money
from contracts.text import printable
from contracts.views import ListedOrder

MOST_EXPORTED = 100_000

FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # wide ones count in Excel
"""What a spreadsheet takes for the beginning of a formula."""

COLUMNS = (
    *("order_id", "state", "status", "customer_id", "total", "currency", "total_minor"),
    *("line_count", "placed_at", "closed_at", "needs_attention", "attention", "attention_since"),
    *("reason", "step", "message", "again_of", "again_as"),
)


class ExportQuery(SortedQuery):
    """The query of an export: which orders, how sorted, where it begins, and how many at most."""

    limit: int = Field(
        default=MOST_EXPORTED, ge=1, le=MOST_EXPORTED, description="the most orders in the file"
    )


class OrderExport:
    """The orders of an export, page by page, each read when the one before it was sent."""

    def __init__(
        self, query: ExportQuery, first: ShownPage, others: AsyncIterator[ShownPage]
    ) -> None:
        """Begin with the first page, which is there already."""
        self._query = query
        self._page = first
        self._others = others
        self.warnings: dict[str, None] = {}
        """What its pages could not tell."""

    @classmethod
    async def begin(cls, query: ExportQuery, pages: AsyncIterator[ShownPage]) -> "OrderExport":
        """Read the first page, and return the export that begins with it.

        Raises:
            NotNow: as for a page.
        """
        return cls(query, await anext(pages), pages)

    def next(self, kind: str) -> str | None:
        """Return where the orders go on that are too many for one file of a kind, `csv` or `json`.

        None after the last one.
        """
        end = self._page.end
        return end and self._query.following(f"/orders.{kind}", end)

    async def pages(self) -> AsyncIterator[Sequence[ListedOrder]]:
        """Yield the orders.

        Raises:
            NotNow: as for a page.
        """
        page: ShownPage | None = self._page
        while page is not None:
            self._page = page
            if page.warning is not None:
                self.warnings[page.warning] = None
            yield page.orders
            page = await anext(self._others, None)


async def as_json(export: OrderExport) -> AsyncIterator[bytes]:
    """Yield one document, of the form of a list's page."""
    yield b'{"orders":['
    separator = ""
    async for orders in export.pages():
        if orders:
            yield (separator + ",\n".join(order.model_dump_json() for order in orders)).encode()
            separator = ",\n"
    end = {"next": export.next("json"), "warning": "; ".join(export.warnings) or None}
    yield f"],{json.dumps(end)[1:]}\n".encode()


async def as_csv(export: OrderExport) -> AsyncIterator[bytes]:
    """Yield a table with a head; a file that is not whole says so in a last line of one cell."""
    yield BOM_UTF8 + _lines([COLUMNS])  # without the mark Excel takes it for another encoding
    async for orders in export.pages():
        yield _lines(map(_row, orders))
    notes = [f"NOTE: {warning}" for warning in export.warnings]
    if (address := export.next("csv")) is not None:
        notes.append(f"NOTE: this file is not whole. More orders follow: {address}")
    yield _lines([note] for note in notes)


def _row(order: ListedOrder) -> list[str | int | None]:
    currency = order.currency
    is_known = currency is not None and order.total_minor is not None
    total = money(order.total_minor or 0, currency or "").rpartition(" ")[0] if is_known else None
    failure = order.failure
    attention = order.attention
    return [
        *(order.order_id, order.state, order.status, order.customer_id),
        *(total, currency, order.total_minor, order.line_count),
        *(_time(order.placed_at), _time(order.closed_at), str(order.needs_attention).lower()),
        *((attention.cause, _time(attention.since)) if attention else (None, None)),
        *((failure.reason, failure.step, failure.message) if failure else (None, None, None)),
        *(order.again_of, order.again_as),
    ]


def _time(at: datetime | None) -> str | None:
    """Return a time as spreadsheets take one; it is UTC."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _lines(rows: Iterable[Sequence[str | int | None]]) -> bytes:
    """Return rows as RFC 4180 has them."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return text.getvalue().encode(errors="backslashreplace")


def _cell(value: str | int | None) -> str | int | None:
    """Return a value that a spreadsheet shows and never computes: a formula gets an apostrophe."""
    if not isinstance(value, str):
        return value
    line = printable(value)
    return f"'{line}" if line.lstrip().startswith(FORMULA) else line
