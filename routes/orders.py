"""Placing an order, and reading it and others."""

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from application.errors import PerhapsPlaced, PricesWrong
from application.order_query import ListQuery
from contracts.base import IDENTIFIER, IN_WORDS, MAX_LINES
from contracts.ids import is_id_again
from contracts.money import CurrencyInUse
from contracts.placing import MAX_REQUEST_KEY, OrderLine, PlaceOrder
from contracts.states import CLOSED
from contracts.views import OrderList, OrderView
from routes import examples
from routes.access import forbidden
from routes.dependencies import AppOrders, RequestCaller, refuse_doubles
from routes.problems import ABSENT, INVALID, Problem, problem_of

MAX_WAIT_SECONDS = 30
WAIT = re.compile(r'\s*wait\s*=\s*"?([0-9]+)"?\s*', re.IGNORECASE | re.ASCII)

ONE_KEY = (
    "One key is one order: repeating it is safe, and it comes with the `order_id` of its first "
    "time, or with none."
)

OrderId = Annotated[
    str, Path(pattern=IDENTIFIER, description=IN_WORDS[IDENTIFIER], examples=[examples.ORDER_ID])
]
RequestKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_REQUEST_KEY)]


router = APIRouter(tags=["orders"], dependencies=[Depends(refuse_doubles)])


def location(what: str) -> dict[str, Any]:
    """Return how a route declares that its answer says where something is to be found."""
    description = f"where the {what} is to be found"
    header = {"description": description, "schema": {"type": "string"}, "required": True}
    return {"headers": {"Location": header}}


PLACED: dict[str, Any] = {**location("order"), **examples.links()}


class LineBody(OrderLine):
    """So many of one product at one price."""

    model_config = ConfigDict(extra="forbid")


class OrderBody(PlaceOrder):
    """An order as it is posted.

    A field that does not exist is an error: `orderId` for `order_id` would cost the once-only.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [examples.ORDER]})

    currency: CurrencyInUse
    lines: Annotated[tuple[LineBody, ...], Field(min_length=1, max_length=MAX_LINES)]

    @field_validator("order_id")
    @classmethod
    def _not_of_an_order_placed_again(cls, order_id: str | None) -> str | None:
        """Else whoever guesses the id could keep an order from being placed again."""
        if order_id is not None and is_id_again(order_id):
            raise PydanticCustomError(
                "order_id", "ids of this form are given to orders that are placed again"
            )
        return order_id


@router.post(
    "/orders",
    status_code=HTTPStatus.ACCEPTED,
    responses={
        **INVALID,
        HTTPStatus.OK: {
            "model": OrderView,
            "description": "The order is closed: COMPLETED, or FAILED. "
            "Look at `state`; a failed order is a 200, too.",
            **PLACED,
            "content": {"application/json": {"example": examples.OUT_OF_STOCK}},
        },
        HTTPStatus.ACCEPTED: {"description": "The order is placed, and not closed yet.", **PLACED},
    },
)
async def place_order(
    order: OrderBody,
    orders: AppOrders,
    caller: RequestCaller,
    response: Response,
    idempotency_key: Annotated[RequestKey | None, Header(description=ONE_KEY)] = None,
    prefer: Annotated[
        list[str] | None,
        Header(description="`wait=N`: N ≤ 30 s, until the order is closed or waits for somebody"),
    ] = None,
) -> OrderView:
    """Start an order's saga, once.

    Its identity is `order_id` if given, else that of your `Idempotency-Key`, else new. Placing the
    same order again under the same identity returns it as it stands; placing another one under it
    is refused, and so is a key that comes with another `order_id` than its first.

    An order that fails is answered with 200 as well, when it was waited for: look at `state`.
    """
    if not caller.acts_for(order.customer_id):
        raise forbidden(f"this token places orders of customer {caller.customer_id} alone")
    seconds = apply_wait(prefer, response)
    try:
        view = await orders.place(order, idempotency_key, caller, seconds)
    except PricesWrong as error:
        raise _invalid_prices(error) from error
    except PerhapsPlaced as error:
        raise _perhaps_placed(error) from error
    response.status_code = (
        HTTPStatus.OK if view.state in CLOSED and view.closed_at else HTTPStatus.ACCEPTED
    )
    response.headers["Location"] = view.links.self
    return view


@router.get("/orders", responses=INVALID)
async def list_orders(
    query: Annotated[ListQuery, Query()], orders: AppOrders, caller: RequestCaller
) -> OrderList:
    """Return orders, newest first if no other sort is given, without their timelines.

    Follow `next` for more. For one page at most 100,000 orders are looked at: it may be short, and
    even empty, while `next` leads on.

    An order is listed once it is on record, moments after it was placed; one that needs attention,
    in any case. Orders that are still open carry the state that their sagas showed moments ago.
    With Temporal away they are shown as they are on record, and `warning` says so; what needs
    attention can then not be asked for.
    """
    return await orders.lists.page(query, caller.customer_id)


@router.get("/orders/{order_id}", responses=ABSENT)
async def read_order(
    order_id: OrderId,
    orders: AppOrders,
    caller: RequestCaller,
    acts: Annotated[
        Literal["own", "all"],
        Query(description="which `acts` are listed: those that the token allows, or all of them"),
    ] = "own",
) -> OrderView:
    """Return an order: where it stands, why it failed, what was taken back, and its timeline."""
    return await orders.view(order_id, caller, has_all_acts=acts == "all")


def _invalid_prices(error: PricesWrong) -> RequestValidationError:
    """Return the error as pydantic names fields, with their places in the body."""
    return RequestValidationError(
        [
            {"loc": ("body", "lines", number, "unit_price_minor"), "msg": why, "type": "price"}
            for number, why in error.lines.items()
        ]
    )


def _perhaps_placed(error: PerhapsPlaced) -> Problem:
    """Return the problem of a caller who gets no answer, with how to find the order."""
    hint = f': look at Location, or repeat it with "order_id": "{error.order_id}"'
    return problem_of(error, hint, {"Location": f"/orders/{error.order_id}"})


def apply_wait(preferences: Sequence[str] | None, response: Response) -> int:
    """Return how long the caller prefers to wait, and say in the response that it is done."""
    if seconds := wait_seconds(preferences or ()):
        response.headers["Preference-Applied"] = f"wait={seconds}"
    return seconds


def wait_seconds(preferences: Sequence[str]) -> int:
    """Return how long the caller prefers to wait (RFC 7240); 0 when that is not said.

    Preferences may be ignored.
    """
    for preference in ",".join(preferences).split(","):
        if wait := WAIT.fullmatch(preference.partition(";")[0]):
            return min(int(wait[1].lstrip("0")[:9] or 0), MAX_WAIT_SECONDS)
    return 0
