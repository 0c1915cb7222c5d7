from reprlib import repr  # noqa: A004  # a short one, for orders of a thousand lines
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.base import MAX_LINES, MAX_TOTAL_MINOR
from contracts.ids import id_again, order_id_of, saga_id
from contracts.placing import DraftOrder, OrderLine, PlaceOrder, salvage
from contracts.prose import problems
from routes.orders import OrderBody, OrderId


def line(**changes: Any) -> dict[str, Any]:
    return {"sku": "85123A", "quantity": 6, "unit_price_minor": 255, **changes}


def order(**changes: Any) -> dict[str, Any]:
    return {"customer_id": "17850", "currency": "GBP", "lines": [line()], **changes}


EXACTLY_MOST = [line(quantity=10**6, unit_price_minor=10**9)] * 9 + [
    line(quantity=32_768, unit_price_minor=219_703_819)
]
"""Lines that cost 2⁵³ minor units together."""

HOSTILE_IDS = [
    "",
    "a\n",
    "\na",
    "a/b",
    "..%2f",
    "a b",
    "é",
    "٣",
    "a\x00",
    "\ud800",
    "a.b",
    "x" * 65,
]
GOOD_IDS = ["7", "_", "-", "order-7", "2e9f0c1a-5b7d-4f6e-8a9b-0c1d2e3f4a5b", "x" * 64]


@pytest.mark.parametrize(
    "changes",
    [
        {"lines": [line()] * MAX_LINES},
        {"lines": EXACTLY_MOST},
        {"lines": [line(sku="a")]},
        {"lines": [line(sku="x" * 64)]},
        {"lines": [line(sku="A z_0-9")]},
        {"lines": [line(quantity=1)]},
        {"lines": [line(quantity=1_000_000)]},
        {"lines": [line(unit_price_minor=0)]},
        {"lines": [line(unit_price_minor=10**9)]},
        {"deadline_seconds": 1},
        {"deadline_seconds": 86_400},
        {"order_id": None},
        *({"order_id": order_id} for order_id in GOOD_IDS),
        *({"customer_id": customer_id} for customer_id in GOOD_IDS),
    ],
    ids=repr,
)
def test_an_order_at_its_limits_is_taken(changes: dict[str, Any]) -> None:
    """Every limit itself is still allowed, and what was given is what is ordered."""
    body = order(**changes)
    place_order = PlaceOrder.model_validate(body)
    assert place_order.model_dump(mode="json", exclude_unset=True) == body


NO_INTEGERS: list[Any] = [1.9, 1.0, "1", True, None, [1], 2**70, -1]


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"lines": []}, ("lines",)),
        ({"lines": [line()] * (MAX_LINES + 1)}, ("lines",)),
        ({"lines": [*EXACTLY_MOST, line(quantity=1, unit_price_minor=1)]}, ("lines",)),
        ({"lines": [line(sku="x" * 65)]}, ("lines", 0, "sku")),
        *(
            ({"lines": [line(), line(sku=sku)]}, ("lines", 1, "sku"))
            for sku in ("", "é", "a\n", "a/b", "a\tb", 7, None)
        ),
        *(
            ({"lines": [line(quantity=n)]}, ("lines", 0, "quantity"))
            for n in (0, 1_000_001, *NO_INTEGERS)
        ),
        *(
            ({"lines": [line(unit_price_minor=n)]}, ("lines", 0, "unit_price_minor"))
            for n in (10**9 + 1, *NO_INTEGERS)
        ),
        *(({"deadline_seconds": n}, ("deadline_seconds",)) for n in (0, 86_401, *NO_INTEGERS)),
        *(({"order_id": order_id}, ("order_id",)) for order_id in (*HOSTILE_IDS, 7)),
        *(
            ({"customer_id": customer_id}, ("customer_id",))
            for customer_id in (*HOSTILE_IDS, 7, None)
        ),
        *(
            ({"currency": currency}, ("currency",))
            for currency in ("", "gbp", "GB", "GBPX", "GBP\n", "£££", 826, None)
        ),
        ({"lines": "85123A"}, ("lines",)),
        ({"lines": {"0": line()}}, ("lines",)),
        ({"lines": [{"sku": "a", "quantity": 1}]}, ("lines", 0, "unit_price_minor")),
    ],
    ids=repr,
)
def test_an_order_past_a_limit_is_refused(
    changes: dict[str, Any], place: tuple[str | int, ...]
) -> None:
    """Just past a limit, or with a value of the wrong type, the one wrong field is named."""
    with pytest.raises(ValidationError) as error_info:
        PlaceOrder.model_validate(order(**changes))
    assert [where for where, _ in problems(error_info.value.errors())] == [place]


def test_an_order_has_defaults() -> None:
    """An order without a deadline has 900 seconds, and one without an id is given one later."""
    place_order = PlaceOrder.model_validate(order())
    assert (place_order.deadline_seconds, place_order.order_id, place_order.total_minor) == (
        900,
        None,
        1530,
    )


def test_a_sku_may_repeat() -> None:
    """Two lines of the same product are two lines, and both count."""
    place_order = PlaceOrder.model_validate(order(lines=[line(quantity=1), line(quantity=2)]))
    assert [(each.sku, each.quantity) for each in place_order.lines] == [
        ("85123A", 1),
        ("85123A", 2),
    ]
    assert place_order.total_minor == 3 * 255


def test_every_total_is_exact_to_the_penny() -> None:
    """Whatever the price, n pieces cost exactly n times as much.

    A calculation in pounds would not have it.
    """
    for price in range(10_000):
        assert (
            DraftOrder.model_validate(
                {"lines": [line(quantity=3, unit_price_minor=price)]}
            ).total_minor
            == 3 * price
        )


def test_the_greatest_total_is_exact() -> None:
    """The greatest total that an order may have is one that every JSON reader can hold."""
    assert (
        PlaceOrder.model_validate(order(lines=EXACTLY_MOST)).total_minor == MAX_TOTAL_MINOR == 2**53
    )


@pytest.mark.parametrize("order_id", GOOD_IDS)
def test_an_order_and_its_saga_name_each_other(order_id: str) -> None:
    """The saga of an order is `order-` and its id, and leads back to it."""
    assert saga_id(order_id) == f"order-{order_id}"
    assert order_id_of(saga_id(order_id)) == order_id


@pytest.mark.parametrize(
    "workflow_id",
    [*(f"order-{hostile}" for hostile in HOSTILE_IDS), "7", "Order-7", "order_7", " order-7"],
)
def test_a_workflow_id_that_names_no_order_is_refused(workflow_id: str) -> None:
    """What is not `order-` and a proper id names no order, and the error says what to use."""
    with pytest.raises(ValueError, match=r"names no order; use order-\{order_id\}"):
        order_id_of(workflow_id)


def test_every_door_agrees_on_ids() -> None:
    """An id that one of body, path and workflow id takes, the others take too."""
    path = TypeAdapter[str](OrderId)
    for order_id in GOOD_IDS:
        assert path.validate_python(order_id) == order_id
    for order_id in HOSTILE_IDS:
        with pytest.raises(ValidationError):
            path.validate_python(order_id)


def draft_of(raw: Any) -> DraftOrder:
    with pytest.raises(ValidationError) as error_info:
        PlaceOrder.model_validate(raw)
    return salvage(raw, error_info.value)


NO_ORDERS: list[Any] = [{}, [], [order()], None, "please", 7, True, float("nan"), b"\xff"]
LINES = (OrderLine(sku="85123A", quantity=6, unit_price_minor=255),)


@pytest.mark.parametrize(
    ("raw", "draft"),
    [
        (order(currency="pounds"), DraftOrder(customer_id="17850", lines=LINES)),
        (order(customer_id="a b"), DraftOrder(currency="GBP", lines=LINES)),
        (order(lines=[line(), line(quantity=0)]), DraftOrder(customer_id="17850", currency="GBP")),
        (order(lines=[*EXACTLY_MOST, line()]), DraftOrder(customer_id="17850", currency="GBP")),
        (
            order(order_id="a/b", deadline_seconds=0),
            DraftOrder(customer_id="17850", currency="GBP", lines=LINES),
        ),
        ({"customer_id": "17850", "unknown": {}}, DraftOrder(customer_id="17850")),
        ({"customer_id": None, "currency": 1, "lines": {}}, DraftOrder()),
        *((raw, DraftOrder()) for raw in NO_ORDERS),
    ],
    ids=repr,
)
def test_what_is_valid_by_itself_is_kept_of_an_invalid_start(raw: Any, draft: DraftOrder) -> None:
    """Of a start that is no order every field that is right is kept, and nothing else."""
    assert draft_of(raw) == draft


def test_a_draft_knows_its_total_when_it_knows_its_lines() -> None:
    """The total of a draft is that of its lines, and unknown without them."""
    assert (DraftOrder(lines=LINES).total_minor, DraftOrder().total_minor) == (1530, None)


def test_too_many_lines_are_one_problem() -> None:
    """Lines are counted before they are looked at, so that a huge body is refused at once."""
    with pytest.raises(ValidationError) as error_info:
        PlaceOrder.model_validate(
            {"customer_id": "17850", "currency": "GBP", "lines": [{"sku": "!"}] * 300_000}
        )
    assert [(error["loc"], error["type"]) for error in error_info.value.errors()] == [
        (("lines",), "too_long")
    ]


def test_the_id_of_an_order_placed_again_follows_from_the_failed_ones() -> None:
    """It is always the same, is an id however long that one is, and does not grow in a chain."""
    ids = ["7", "8", "x" * 64, "x" * 63 + "y"]
    for order_id in ids[:]:
        for _ in range(3):
            order_id = id_again(order_id)  # noqa: PLW2901  # a chain
            ids.append(order_id)
    assert len(set(ids)) == len(ids)
    assert all(order_id_of(saga_id(order_id)) == order_id for order_id in ids)
    assert id_again("7") == id_again("7")
    assert all(order_id.startswith(("7-again-", "8-again-", "xxx")) for order_id in ids[4:])


def test_a_caller_chooses_no_id_of_an_order_placed_again() -> None:
    """Else whoever guesses it could keep a failed order from being placed again."""
    for order_id in ("cart-9", "x" * 64, id_again("cart-9")):
        with pytest.raises(ValidationError) as error_info:
            OrderBody.model_validate(order(order_id=id_again(order_id)))
        assert problems(error_info.value.errors()) == [
            (("order_id",), "ids of this form are given to orders that are placed again")
        ]
    for free in ("again", "cart-9-again", "cart-9-again-1", id_again("7") + "-2"):
        assert OrderBody.model_validate(order(order_id=free)).order_id == free
    assert PlaceOrder.model_validate(order(order_id=id_again("7"))).order_id == id_again("7")
