"""All orders of a filter as one file. No id of an order has a dot: none is at these paths."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from application.caller import Caller
from application.order_export import ExportQuery, OrderExport, as_csv, as_json
from contracts.views import OrderList
from routes.dependencies import AppOrders, RequestCaller, refuse_doubles
from routes.problems import INVALID
from routes.rate import site, too_many

router = APIRouter(tags=["orders"], dependencies=[Depends(refuse_doubles)])

MOST_AT_ONCE = 4
MOST_OF_CUSTOMERS = 2
"""Exports under way in one process, and those of customers among them: they leave room for those
who run the shop. Each caller has one; one more is asked to come again."""

MOST_SECONDS = 300
"""An export that is not over by then is cut off: its reader is too slow."""

BUSY_SECONDS = 10

CSV: dict[int | str, Any] = {
    **INVALID,
    HTTPStatus.OK: {
        "description": "A table with a head; a cell that begins like a formula has an apostrophe "
        "in front. It is UTF-8 with a byte order mark.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
    },
}
JSON: dict[int | str, Any] = {
    **INVALID,
    HTTPStatus.OK: {
        "model": OrderList,
        "description": "A list as one document; `next` is null when it is whole.",
    },
}


class ExportsUnderWay:
    """Knows whose exports are under way in one process."""

    def __init__(self) -> None:
        """Begin with none."""
        self._is_customer: dict[tuple[str, str], bool] = {}

    @contextmanager
    def one_of(self, caller: Caller, address: str) -> Iterator[None]:
        """Count one of a caller while it runs; the address tells who it is where no token does.

        Raises:
            Problem: 429, the caller has one under way, or there is no room for one more.
        """
        who = _name_of(caller, address)
        is_customer = caller.customer_id is not None
        if who in self._is_customer:
            raise too_many("an export of yours is under way", BUSY_SECONDS)
        of_customers = sum(self._is_customer.values())
        is_full = len(self._is_customer) >= MOST_AT_ONCE
        if is_full or (is_customer and of_customers >= MOST_OF_CUSTOMERS):
            raise too_many("as many exports as run at one time are under way", BUSY_SECONDS)
        self._is_customer[who] = is_customer
        try:
            yield
        finally:
            del self._is_customer[who]


def _name_of(caller: Caller, address: str) -> tuple[str, str]:
    """Return by what a caller is known: a customer may have many tokens, and has one export."""
    if caller.customer_id is not None:
        return "customer", caller.customer_id
    return ("token", caller.subject) if caller.subject else ("address", address)


class ExportResponse(StreamingResponse):
    """An export that is sent as it is read.

    Where it cannot be read to its end, the answer ends without its last chunk: no reader takes it
    for whole.
    """

    def __init__(self, content: AsyncIterator[bytes], kind: str, caller: Caller) -> None:
        """Send `content` as a file of a kind, `csv` or `json`, while the caller's token lasts."""
        media_type = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}
        headers = {"Content-Disposition": f'attachment; filename="orders.{kind}"'}
        super().__init__(content, headers=headers, media_type=media_type[kind])
        self._seconds = min(MOST_SECONDS, caller.until - time.time())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with asyncio.timeout(self._seconds):
            await super().__call__(scope, receive, send)


async def export_of(
    query: Annotated[ExportQuery, Query()],
    request: Request,
    orders: AppOrders,
    caller: RequestCaller,
) -> AsyncIterator[OrderExport]:
    """Give an export, of which the first page is read, and count it until it is sent.

    Raises:
        Problem: 429, as `ExportsUnderWay.one_of` says.
    """
    under_way: ExportsUnderWay = request.app.state.exports
    with under_way.one_of(caller, site(request.scope)):
        pages = orders.lists.pages(query, query.limit, caller.customer_id)
        yield await OrderExport.begin(query, pages)


CallersExport = Annotated[OrderExport, Depends(export_of)]


@router.get("/orders.csv", response_class=Response, responses=CSV)
async def export_csv(export: CallersExport, caller: RequestCaller) -> Response:
    """Return the orders of a list as a table for spreadsheets, whole up to `limit`.

    Its rows have what a list has, times in UTC. A last line that begins with `NOTE:` says what is
    not in it, if anything is. An answer that breaks off is not whole.
    """
    return ExportResponse(as_csv(export), "csv", caller)


@router.get("/orders.json", response_class=Response, responses=JSON)
async def export_json(export: CallersExport, caller: RequestCaller) -> Response:
    """Return the orders of a list as one document, whole up to `limit`; `next` has the others."""
    return ExportResponse(as_json(export), "json", caller)
