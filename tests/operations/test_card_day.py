"""What the demo of a day by card calls sound by the provider's own books."""

import pytest

from operations.demo.card_day import violations

NAMES = ("authorised_minor", "captured_minor", "voided_minor", "refunded_minor")


def books(order_id: str, amounts: tuple[int, ...], payments: int = 1) -> dict[str, object]:
    """Return a row of the provider's books."""
    row = dict(zip(NAMES, amounts, strict=True))
    return {"order_id": order_id, "currency": "gbp", "payments": payments, **row}


@pytest.mark.parametrize(
    ("status", "amounts", "sound"),
    [
        ("CONFIRMED", (500, 500, 0, 0), True),
        ("CONFIRMED", (500, 0, 0, 0), False),
        ("CONFIRMED", (500, 400, 100, 0), False),
        ("CONFIRMED", (400, 400, 0, 0), False),
        ("CONFIRMED", (500, 500, 0, 500), False),
        ("CONFIRMED", None, False),
        ("CANCELLED", (500, 0, 500, 0), True),
        ("CANCELLED", (500, 500, 0, 500), True),
        ("CANCELLED", (1000, 500, 500, 500), True),
        ("CANCELLED", (500, 0, 0, 0), False),
        ("CANCELLED", (500, 500, 0, 0), False),
        ("CANCELLED", None, True),
        ("PENDING", (500, 0, 0, 0), True),
        ("PENDING", (1000, 0, 0, 0), False),
    ],
)
def test_an_order_is_sound_by_its_amounts(
    status: str, amounts: tuple[int, ...] | None, sound: bool
) -> None:
    """Paid once and whole, or nothing kept and nothing held."""
    rows = [] if amounts is None else [books("1", amounts)]
    assert (not list(violations(rows, iter([("1", status, 500)])))) is sound


def test_two_payments_and_money_of_nobody_are_told() -> None:
    """A free order has no payment, and needs none."""
    rows = [books("1", (1000, 1000, 0, 0), payments=2), books("ghost", (5, 0, 0, 0))]
    orders = iter([("1", "CONFIRMED", 1000), ("free", "CONFIRMED", 0)])
    lines = list(violations(rows, orders))
    assert [line.partition(":")[0] for line in lines] == [
        "order 1 is CONFIRMED and costs 1000",
        "order ghost is not on record",
    ]
