import pytest
from pydantic import ValidationError

from contracts.money import money
from contracts.placing import OrderLine, PlaceOrder
from contracts.prose import count, describe, lasting, problems

LINE = OrderLine(sku="85123A", quantity=6, unit_price_minor=255)
ORDER = PlaceOrder(customer_id="17850", currency="GBP", lines=(LINE,))


@pytest.mark.parametrize(
    ("minor", "currency", "sentence"),
    [
        (1530, "GBP", "15.30 GBP"),
        (5, "EUR", "0.05 EUR"),
        (0, "GBP", "0.00 GBP"),
        (2**53, "USD", "90071992547409.92 USD"),
        (1530, "JPY", "1530 JPY"),
        (1530, "KWD", "1.530 KWD"),
        (1530, "CLF", "0.1530 CLF"),
        (12_345_678, "UYW", "1234.5678 UYW"),
        (0, "CLF", "0.0000 CLF"),
        (1530, "UYI", "1530 UYI"),
        (1530, "XAU", "1530 XAU"),
        (1530, "HRK", "15.30 HRK"),
        (-5, "GBP", "-0.05 GBP"),
        (-1530, "CLF", "-0.1530 CLF"),
    ],
)
def test_an_amount_is_told_as_its_currency_is_divided(
    minor: int, currency: str, sentence: str
) -> None:
    """Amounts read as people write them: with as many digits as the currency's minor unit has."""
    assert money(minor, currency) == sentence


def test_an_order_is_told_in_one_line() -> None:
    """An order is told by its customer, how many lines it has and what they cost."""
    assert describe(ORDER) == "Customer 17850: 1 line, 15.30 GBP"
    assert count(ORDER.model_copy(update={"lines": (LINE, LINE)})) == "2 lines"


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (1, "1 second"),
        (90, "90 seconds"),
        (60, "1 minute"),
        (900, "15 minutes"),
        (3_600, "1 hour"),
        (86_400, "24 hours"),
    ],
)
def test_a_time_is_told_in_whole_units(seconds: int, sentence: str) -> None:
    """A time reads as people say it."""
    assert lasting(seconds) == sentence


@pytest.mark.parametrize(
    ("places", "innermost_places"),
    [
        ([], []),
        ([()], [()]),
        ([(), ("lines",)], [("lines",)]),
        ([("lines",), ("lines", 0), ("lines", 0, "sku")], [("lines", 0, "sku")]),
        (
            [("lines", 0, "sku"), ("lines", 0, "quantity")],
            [("lines", 0, "sku"), ("lines", 0, "quantity")],
        ),
        ([("lines", 1), ("lines", 10, "sku")], [("lines", 1), ("lines", 10, "sku")]),
        ([("order",), ("order_id",)], [("order",), ("order_id",)]),
        ([("sku",), ("sku",)], [("sku",), ("sku",)]),
    ],
)
def test_of_nested_problems_only_the_innermost_are_told(
    places: list[tuple[str | int, ...]], innermost_places: list[tuple[str | int, ...]]
) -> None:
    """A problem that lies around another one is not told, and every other one is, in order."""
    assert [
        place for place, _ in problems([{"loc": place, "msg": "wrong"} for place in places])
    ] == innermost_places


def test_a_real_problem_is_told_with_its_place() -> None:
    """What pydantic finds wrong comes with where it is and a sentence."""
    with pytest.raises(ValidationError) as error_info:
        PlaceOrder.model_validate(
            {"customer_id": "1", "currency": "GBP", "lines": [{"sku": "a", "quantity": 0}]}
        )
    assert problems(error_info.value.errors()) == [
        (("lines", 0, "quantity"), "must be at least 1"),
        (("lines", 0, "unit_price_minor"), "is missing"),
    ]


def test_the_problems_of_a_large_value_are_found_in_linear_time() -> None:
    """A hundred thousand problems are told apart in linear time.

    Comparing each with each would take hours.
    """
    errors = [{"loc": ("lines", number, "sku"), "msg": "bad"} for number in range(100_000)] + [
        {"loc": ("lines",), "msg": "worse"}
    ]
    assert len(problems(errors)) == 100_000
