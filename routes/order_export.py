"""All orders of a filter as one file. No id of an order has a dot: none is at these paths."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from application.caller import Caller
from application.order_export import ExportQuery, OrderExport, as_csv, as_json
from application.orders import Orders
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

    def add(self, caller: Caller, address: str) -> Callable[[], None]:
        """Count one of a caller, known by the address where nobody is asked who they are.

        Return what is called when it is over.

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
        return lambda: self._is_customer.__delitem__(who)


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

    def __init__(
        self, content: AsyncIterator[bytes], kind: str, seconds: float, release: Callable[[], None]
    ) -> None:
        """Send `content` as a file of a kind, `csv` or `json`, within so many seconds."""
        media_type = {"csv": "text/csv; charset=utf-8; header=present", "json": "application/json"}
        headers = {"Content-Disposition": f'attachment; filename="orders.{kind}"'}
        super().__init__(content, headers=headers, media_type=media_type[kind])
        self._seconds = seconds
        self._release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            async with asyncio.timeout(self._seconds):
                await super().__call__(scope, receive, send)
        finally:
            self._release()


@router.get("/orders.csv", response_class=Response, responses=CSV)
async def export_csv(
    query: Annotated[ExportQuery, Query()],
    request: Request,
    orders: AppOrders,
    caller: RequestCaller,
) -> Response:
    """Return the orders of a list as a table for spreadsheets, whole up to `limit`.

    Its rows have what a list has, times in UTC. A last line that begins with `NOTE:` says what is
    not in it, if anything is. An answer that breaks off is not whole.
    """
    return await _export("csv", query, request, orders, caller)


@router.get("/orders.json", response_class=Response, responses=JSON)
async def export_json(
    query: Annotated[ExportQuery, Query()],
    request: Request,
    orders: AppOrders,
    caller: RequestCaller,
) -> Response:
    """Return the orders of a list as one document, whole up to `limit`; `next` has the others."""
    return await _export("json", query, request, orders, caller)


async def _export(
    kind: str, query: ExportQuery, request: Request, orders: Orders, caller: Caller
) -> Response:
    """Return an export, of which the first page is read.

    Raises:
        Problem: 429, as `ExportsUnderWay.add` says.
    """
    under_way: ExportsUnderWay = request.app.state.exports
    release = under_way.add(caller, site(request.scope))
    try:
        export = await OrderExport.begin(query, orders.lists.reader(caller.customer_id))
    except BaseException:
        release()
        raise
    content = as_csv(export) if kind == "csv" else as_json(export)
    seconds = min(MOST_SECONDS, caller.until - time.time())
    return ExportResponse(content, kind, seconds, release)
