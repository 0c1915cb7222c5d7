"""A list of orders as one file: all pages of a filter up to a most, as JSON or as a table."""

import csv
import io
import json
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime
from urllib.parse import parse_qs, urlencode, urlsplit

from pydantic import Field

from application.order_list import ReadPage
from application.order_query import MOST_ON_A_PAGE, ListQuery, SortedQuery
from contracts.money import money
from contracts.text import printable
from contracts.views import ListedOrder, OrderList

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

    def __init__(self, query: ExportQuery, first: OrderList, read_page: ReadPage) -> None:
        """Begin with the first page, which is there already."""
        self._query = query
        self._page = first
        self._read_page = read_page
        self._remaining = query.limit
        self.warnings: dict[str, None] = {}
        """What its pages could not tell."""

    @classmethod
    async def begin(cls, query: ExportQuery, read_page: ReadPage) -> "OrderExport":
        """Read the first page, and return the export that begins with it.

        Raises:
            NotNow: as for a page.
        """
        return cls(query, await read_page(_first_page(query)), read_page)

    def next(self, kind: str) -> str | None:
        """Return where the orders go on that are too many for one file of a kind, `csv` or `json`.

        None after the last one.
        """
        cursor = _cursor_of(self._page)
        if cursor is None:
            return None
        return f"/orders.{kind}?{urlencode({**self._query.parameters(), 'cursor': cursor})}"

    async def pages(self) -> AsyncIterator[Sequence[ListedOrder]]:
        """Yield the orders.

        Raises:
            NotNow: as for a page.
        """
        while True:
            if self._page.warning is not None:
                self.warnings[self._page.warning] = None
            self._remaining -= len(self._page.orders)
            yield self._page.orders
            cursor = _cursor_of(self._page)
            if cursor is None or self._remaining == 0:
                return
            limit = min(MOST_ON_A_PAGE, self._remaining)
            query = _first_page(self._query)
            self._page = await self._read_page(
                query.model_copy(update={"cursor": cursor, "limit": limit})
            )


def _first_page(query: ExportQuery) -> ListQuery:
    fields = query.model_dump(exclude_unset=True, exclude={"limit"})
    return ListQuery(**fields, limit=min(MOST_ON_A_PAGE, query.limit))


def _cursor_of(page: OrderList) -> str | None:
    return None if page.next is None else parse_qs(urlsplit(page.next).query)["cursor"][0]


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
