"""What makes no sense as a command of a shop's own people."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.base import MAX_DEPOSIT_MINOR, MAX_PIECES
from contracts.payment import (
    WalletOpening,
)
from contracts.stock import (
    ProductOffer,
)
from tests.commands import deposit, move, offer, open_wallets

APPLE = ProductOffer(sku="A", name="apple", opening_stock=5, prices={"GBP": 30, "EUR": 35})
BREAD = ProductOffer(sku="B", name="bread")


@pytest.mark.parametrize(
    "wrong",
    [
        partial(move, "1", 0),
        partial(move, "1", MAX_PIECES + 1),
        partial(move, "1", 1, reason=""),
        partial(move, "1", 1, reason="\u200b"),
        partial(move, "1", 1, reason="\x1b[31mred"),
        partial(deposit, "1", 0),
        partial(deposit, "1", MAX_DEPOSIT_MINOR + 1),
        partial(deposit, "1", 1, currency="gbp"),
        partial(deposit, "1", 1, reason="\u202eback"),
        partial(offer, "1"),
        partial(offer, "1", APPLE, APPLE),
        partial(open_wallets, "1", ("ann", "GBP", 1), ("ann", "GBP", 1)),
        partial(ProductOffer, sku="é", name="x"),
        partial(ProductOffer, sku="A", name=" \t "),
        partial(ProductOffer, sku="A", name="x", opening_stock=-1),
        partial(ProductOffer, sku="A", name="x", prices={"gbp": 1}),
        partial(ProductOffer, sku="A", name="x", prices={"GBP": -1}),
        partial(WalletOpening, customer_id="ann", currency="GBP", opening_balance_minor=-1),
    ],
)
def test_what_makes_no_sense_is_no_command(wrong: Callable[[], Any]) -> None:
    """Bounds, signs and texts are looked at before anybody obeys."""
    with pytest.raises(ValidationError):
        wrong()
