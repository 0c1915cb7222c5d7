"""How many exports run at one time: one of each caller, and customers leave room for others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message

from application.caller import Caller
from application.errors import Away
from application.order_list import ShownPage
from routes import order_export
from routes.access import caller_of
from routes.attended import Attended
from routes.order_export import MOST_AT_ONCE, MOST_OF_CUSTOMERS, ExportsUnderWay
from routes.problems import Problem


def test_each_caller_has_one_export() -> None:
    """Known by the token's customer or subject, or the address where nobody is asked."""
    exports = ExportsUnderWay()
    with ExitStack() as others:
        with exports.one_of(Caller(subject="ann"), "10.0.0.1"):
            others.enter_context(exports.one_of(Caller(), "10.0.0.1"))
            others.enter_context(exports.one_of(Caller(subject="a", customer_id="ann"), "10.0.0.1"))
            for caller, address in (
                (Caller(subject="ann"), "10.0.0.2"),
                (Caller(), "10.0.0.1"),
                (Caller(subject="b", customer_id="ann"), "10.0.0.2"),
            ):
                with pytest.raises(Problem, match="of yours"), exports.one_of(caller, address):
                    pass
        others.enter_context(exports.one_of(Caller(subject="ann"), "10.0.0.2"))
        others.enter_context(exports.one_of(Caller(), "10.0.0.2"))
        bob = Caller(subject="bob")
        with pytest.raises(Problem, match="as many exports"), exports.one_of(bob, "10.0.0.1"):
            pass


def test_customers_leave_room_for_those_who_run_the_shop() -> None:
    """However many customers come, and in whatever order their exports end."""
    exports = ExportsUnderWay()
    first, *customers, last = [
        Caller(subject=f"s{number}", customer_id=f"c{number}")
        for number in range(MOST_OF_CUSTOMERS + 1)
    ]
    with ExitStack() as others:
        with exports.one_of(first, ""):
            for customer in customers:
                others.enter_context(exports.one_of(customer, ""))
            with pytest.raises(Problem, match="as many exports"), exports.one_of(last, ""):
                pass
            for number in range(MOST_AT_ONCE - MOST_OF_CUSTOMERS):
                others.enter_context(exports.one_of(Caller(subject=f"operator {number}"), ""))
        others.enter_context(exports.one_of(last, ""))


class Lists:
    """Lists of no orders, whose first page may fail, and whose second may be long in coming."""

    def __init__(self, *, is_away: bool = False, is_slow: bool = False) -> None:
        self.is_away = is_away
        self.is_slow = is_slow

    async def pages(self, *_: Any) -> AsyncIterator[ShownPage]:
        """Yield two pages."""
        if self.is_away:
            raise Away("Temporal")
        yield ShownPage([], None, None)
        if self.is_slow:
            await asyncio.Event().wait()
        yield ShownPage([], None, None)


@pytest.mark.parametrize(
    ("lists", "is_left", "seconds"),
    [
        (Lists(), False, 5.0),
        (Lists(is_away=True), False, 5.0),
        (Lists(is_slow=True), True, 5.0),
        (Lists(is_slow=True), False, 0.1),
    ],
    ids=["sent", "away", "left", "cut off"],
)
async def test_an_export_is_over_however_it_ends(
    lists: Lists, is_left: bool, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent, not begun, left by its reader, or cut off: then its caller has room for another."""
    monkeypatch.setattr(order_export, "MOST_SECONDS", seconds)
    ann = Caller(subject="ann")
    app = FastAPI()
    app.state.exports = exports = ExportsUnderWay()
    app.state.door = SimpleNamespace(orders=lambda: SimpleNamespace(lists=lists))
    app.dependency_overrides[caller_of] = lambda: ann
    app.include_router(order_export.router)
    coming: asyncio.Queue[Message] = asyncio.Queue()
    coming.put_nowait({"type": "http.request", "body": b"", "more_body": False})
    is_begun = asyncio.Event()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            is_begun.set()

    scope = {"type": "http", "method": "GET", "path": "/orders.json", "headers": []}
    request = Attended(app)({**scope, "query_string": b""}, coming.get, send)
    serving = asyncio.create_task(request)
    if lists.is_slow:
        await is_begun.wait()
        with pytest.raises(Problem, match="of yours"), exports.one_of(ann, ""):
            pass
    if is_left:
        coming.put_nowait({"type": "http.disconnect"})
    async with asyncio.timeout(5):
        with suppress(Away, TimeoutError):
            await serving
    with exports.one_of(ann, ""):
        pass
