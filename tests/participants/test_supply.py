"""What a shop's own people tell the participants: products, stock, customers and money.

That stock and books are right is checked after every test.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from contracts.base import MAX_DEPOSIT_MINOR, MAX_PIECES, MAX_TOTAL_MINOR
from contracts.payment import (
    DepositRefusedEvent,
    MoneyDepositedEvent,
    WalletOpening,
    WalletsOpenedEvent,
    WalletView,
)
from contracts.stock import (
    ProductOffer,
    ProductsOfferedEvent,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockView,
)
from participants.payment.service import PaymentService
from participants.payment.tables import DEPOSIT_REASONS
from participants.stock.service import StockService
from participants.stock.tables import MOVEMENT_REASONS
from temporal_saga.database import reading
from temporal_saga.fence import KeyReused
from tests.commands import deposit, move, offer, open_wallets, pay, put_back, take
from tests.concurrency import at_once

APPLE = ProductOffer(sku="A", name="apple", opening_stock=5, prices={"GBP": 30, "EUR": 35})
BREAD = ProductOffer(sku="B", name="bread")


def counts(told: ProductsOfferedEvent) -> tuple[int, int, int]:
    return told.added, told.changed, told.left


def available(stock: StockService, sku: str = "A") -> int:
    found = stock.product(sku)
    assert found is not None
    return found.available


def balance(payment: PaymentService, customer_id: str = "ann") -> int:
    found = payment.wallet(customer_id)
    assert found is not None
    return found.balance_minor


# Products.


def test_a_product_is_added_with_its_stock_and_prices(stock: StockService) -> None:
    """What is new is added as it is told."""
    assert counts(stock.offer(offer("1", APPLE, BREAD))) == (2, 0, 0)
    apple = StockView(sku="A", name="apple", available=5, prices={"EUR": 35, "GBP": 30})
    assert stock.product("A") == apple
    assert stock.product("B") == StockView(sku="B", name="bread", available=0, prices={})


@pytest.mark.parametrize(
    ("change", "prices"),
    [
        ({"name": "green apple"}, {"EUR": 35, "GBP": 30}),
        ({"prices": {"GBP": 31}}, {"GBP": 31}),
        ({"prices": {}}, {}),
        ({"name": "green apple", "prices": {"USD": 1}}, {"USD": 1}),
    ],
)
def test_a_known_product_gets_its_name_and_prices(
    stock: StockService, change: dict[str, Any], prices: dict[str, int]
) -> None:
    """Name and prices change as told; prices that are given replace those there were."""
    stock.offer(offer("1", APPLE, BREAD))
    told = APPLE.model_copy(update=change)
    assert counts(stock.offer(offer("2", told, BREAD))) == (0, 1, 1)
    assert stock.product("A") == StockView(sku="A", name=told.name, available=5, prices=prices)


def test_what_was_sold_stays_sold_when_the_same_is_offered_again(stock: StockService) -> None:
    """The opening stock counts once, and prices that are not told stay."""
    stock.offer(offer("1", APPLE))
    stock.decrease(take("1", ("A", 2)))
    silent = APPLE.model_copy(update={"prices": None})
    for key, again in (("2", APPLE), ("3", silent)):
        assert counts(stock.offer(offer(key, again))) == (0, 0, 1)
        assert stock.product("A") == StockView(
            sku="A", name="apple", available=3, prices={"EUR": 35, "GBP": 30}
        )


def test_an_offer_repeated_answers_as_it_did(stock: StockService) -> None:
    """A command that comes again, as after a kill, changes nothing, whatever happened since."""
    first = stock.offer(offer("1", APPLE))
    stock.offer(offer("2", APPLE.model_copy(update={"name": "green apple"})))
    assert stock.offer(offer("1", APPLE)) == first
    found = stock.product("A")
    assert found is not None
    assert found.name == "green apple", "a late repetition does not undo what came after it"
    with pytest.raises(KeyReused):
        stock.offer(offer("1", BREAD))


def test_many_who_offer_the_same_at_once_add_it_once(stock: StockService) -> None:
    """Whoever comes first adds it; nobody waits in a circle."""
    products = [
        ProductOffer(sku=f"S{number}", name="x", opening_stock=7, prices={"GBP": number})
        for number in range(20)
    ]
    orders = (products, products[::-1]) * 4
    offers = [offer(str(number), *told) for number, told in enumerate(orders)]
    told = at_once([partial(stock.offer, command) for command in offers])
    assert sum(event.added for event in told) == 20
    assert {available(stock, product.sku) for product in products} == {7}


def test_an_offer_in_the_middle_of_a_sale_waits_for_it(stock: StockService) -> None:
    """Names and stock change side by side, and neither is lost."""
    stock.offer(offer("1", APPLE.model_copy(update={"opening_stock": 50})))
    sales = [partial(stock.decrease, take(str(number), ("A", 1))) for number in range(8)]
    names = [
        partial(stock.offer, offer(f"n{number}", APPLE.model_copy(update={"name": f"a{number}"})))
        for number in range(4)
    ]
    moves = [partial(stock.move, move(str(number), 10)) for number in range(4)]
    doings: list[Callable[[], Any]] = [*sales, *names, *moves]
    at_once(doings)
    assert available(stock) == 50 - 8 + 40


# Stock.


def test_a_delivery_comes_in_and_breakage_goes_out(stock: StockService, engine: sa.Engine) -> None:
    """Pieces move in and out without an order, and the log says why and who said so."""
    stock.offer(offer("1", APPLE))
    assert stock.move(move("1", 50)) == StockMovedEvent(sku="A", change=50, available=55)
    assert stock.move(move("2", -55, reason="moths")).model_dump() == {
        "event": "StockMovedEvent",
        "sku": "A",
        "change": -55,
        "available": 0,
    }
    with reading(engine) as connection:
        told = connection.execute(sa.select(MOVEMENT_REASONS).order_by("command_key")).all()
    assert [tuple(row) for row in told] == [
        ("movement/1", "delivery", "till-7"),
        ("movement/2", "moths", "till-7"),
    ]


def test_a_movement_repeated_moves_once(stock: StockService) -> None:
    """The same key again gets the same answer, and moves nothing more."""
    stock.offer(offer("1", APPLE))
    first = stock.move(move("1", 50))
    stock.move(move("2", 1))
    assert stock.move(move("1", 50)) == first
    assert available(stock) == 56


@pytest.mark.parametrize(
    ("other", "reason"),
    [(move("1", 51), "KEY_REUSED"), (move("1", 50, sku="B"), "KEY_REUSED")],
)
def test_another_movement_under_the_same_key_moves_nothing(
    stock: StockService, other: Any, reason: str
) -> None:
    """A key belongs to its product and its number of pieces."""
    stock.offer(offer("1", APPLE, BREAD))
    stock.move(move("1", 50))
    refused = stock.move(other)
    assert isinstance(refused, StockMovementRefusedEvent)
    assert refused.reason == reason
    assert (available(stock), available(stock, "B")) == (55, 0)


def test_stock_never_goes_below_zero(stock: StockService) -> None:
    """It says what is left; and a refusal is no last word: it may be asked again."""
    stock.offer(offer("1", APPLE))
    refused = StockMovementRefusedEvent(
        reason="OUT_OF_STOCK", message="A: 6 are to be taken out, 5 left"
    )
    assert stock.move(move("1", -6)) == refused
    stock.move(move("2", 1))
    assert stock.move(move("1", -6)) == StockMovedEvent(sku="A", change=-6, available=0)


def test_a_product_that_is_none_does_not_move(stock: StockService) -> None:
    """It is not added by a delivery, which has no name for it."""
    refused = stock.move(move("1", 1, sku="Z"))
    assert isinstance(refused, StockMovementRefusedEvent)
    assert refused.reason == "UNKNOWN_SKU"
    assert stock.product("Z") is None


def test_stock_is_counted_to_a_limit(stock: StockService) -> None:
    """No number of deliveries makes a number that a database cannot hold."""
    stock.add_products([StockView(sku="A", name="apple", available=1_000 * MAX_PIECES)])
    refused = stock.move(move("1", 1))
    assert isinstance(refused, StockMovementRefusedEvent)
    assert refused.reason == "TOO_MUCH"


def test_what_is_put_back_is_more_than_there_was(stock: StockService) -> None:
    """Pieces that went out without an order while one had others do not keep these from coming back."""
    stock.offer(offer("1", APPLE))
    stock.decrease(take("1", ("A", 3)))
    stock.move(move("1", -2))
    stock.restore(put_back("1", ("A", 3)))
    assert available(stock) == 3


def test_many_take_the_last_pieces_once(stock: StockService) -> None:
    """Of many who take out at once only as many succeed as there is stock for."""
    stock.offer(offer("1", APPLE))
    told = at_once([partial(stock.move, move(str(number), -1)) for number in range(12)])
    assert sum(isinstance(event, StockMovedEvent) for event in told) == 5
    assert available(stock) == 0


# Wallets.


def test_wallets_are_opened_with_what_they_hold(payment: PaymentService) -> None:
    """New ones are opened, open ones stay, and one in another currency is named."""
    first = open_wallets("1", ("ann", "GBP", 1_000), ("bob", "EUR", 0))
    assert payment.open_new(first) == WalletsOpenedEvent(opened=2, left=0)
    payment.process(pay("1", 400))
    again = open_wallets("2", ("ann", "GBP", 9), ("bob", "GBP", 9), ("cy", "GBP", 9))
    told = payment.open_new(again)
    assert told == WalletsOpenedEvent(opened=1, left=1, in_other_currency={"bob": "EUR"})
    assert (balance(payment), balance(payment, "bob"), balance(payment, "cy")) == (600, 0, 9)
    assert payment.open_new(first) == WalletsOpenedEvent(opened=2, left=0), "as it did"


def test_money_comes_in_and_goes_back(payment: PaymentService, engine: sa.Engine) -> None:
    """A deposit raises the balance, a negative one takes it back, and the books say why."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    event = payment.deposit(deposit("1", 500))
    assert event == MoneyDepositedEvent(
        customer_id="ann", currency="GBP", amount_minor=500, balance_minor=500
    )
    back = payment.deposit(deposit("2", -500, reason="typed twice"))
    assert isinstance(back, MoneyDepositedEvent)
    assert back.balance_minor == balance(payment) == 0
    with reading(engine) as connection:
        told = connection.execute(sa.select(DEPOSIT_REASONS).order_by("transaction_id")).all()
    assert [tuple(row) for row in told] == [
        ("paid-in/1", "in", "till-7"),
        ("paid-in/2", "typed twice", "till-7"),
    ]


def test_a_deposit_repeated_comes_in_once(payment: PaymentService) -> None:
    """The same key again gets the same answer, and no more money."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    first = payment.deposit(deposit("1", 500))
    payment.process(pay("1", 400))
    assert payment.deposit(deposit("1", 500)) == first
    assert balance(payment) == 100


REFUSED: list[tuple[Any, str, str]] = [
    (deposit("1", 501), "KEY_REUSED", "this Idempotency-Key belongs to another deposit"),
    (deposit("1", 500, customer_id="bob"), "KEY_REUSED", "this Idempotency-Key belongs to another"),
    (deposit("2", 1, customer_id="zoe"), "UNKNOWN_CUSTOMER", "customer zoe has no wallet"),
    (deposit("2", 1, currency="EUR"), "CURRENCY_MISMATCH", "is in GBP, the deposit in EUR"),
    (deposit("2", -501), "INSUFFICIENT_FUNDS", "5.01 GBP are to be taken out, and there are 5.00"),
]


@pytest.mark.parametrize(("command", "reason", "told"), REFUSED)
def test_a_deposit_is_refused_with_its_reason(
    payment: PaymentService, command: Any, reason: str, told: str
) -> None:
    """No money moves, and the reason is said."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0), ("bob", "GBP", 0)))
    payment.deposit(deposit("1", 500))
    refused = payment.deposit(command)
    assert isinstance(refused, DepositRefusedEvent)
    assert refused.reason == reason
    assert told in refused.message
    assert (balance(payment), balance(payment, "bob")) == (500, 0)


def test_a_refused_deposit_may_be_asked_again(payment: PaymentService) -> None:
    """A refusal is no last word: the wallet may be opened, and the same deposit then comes in."""
    assert isinstance(payment.deposit(deposit("1", 500)), DepositRefusedEvent)
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    assert isinstance(payment.deposit(deposit("1", 500)), MoneyDepositedEvent)


def test_a_wallet_is_filled_to_a_limit(payment: PaymentService) -> None:
    """No number of deposits makes an amount that is not exact; taking out is always possible."""
    rich = WalletView(customer_id="ann", currency="GBP", balance_minor=MAX_TOTAL_MINOR + 1)
    payment.open_wallets([rich])
    refused = payment.deposit(deposit("1", 1))
    assert isinstance(refused, DepositRefusedEvent)
    assert refused.reason == "TOO_MUCH"
    assert isinstance(payment.deposit(deposit("2", -1)), MoneyDepositedEvent)


def test_many_who_take_the_last_money_out_at_once_get_it_once(payment: PaymentService) -> None:
    """A wallet is never below zero, whoever takes from it at the same time."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 500)))
    doings: list[Callable[[], Any]] = [
        *(partial(payment.deposit, deposit(str(number), -100)) for number in range(4)),
        *(partial(payment.process, pay(str(number), 100)) for number in range(4)),
    ]
    told = at_once(doings)
    done = [
        event for event in told if event.event in ("MoneyDepositedEvent", "PaymentCompletedEvent")
    ]
    assert (len(done), balance(payment)) == (5, 0)


def test_one_deposit_that_comes_many_times_at_once_comes_in_once(payment: PaymentService) -> None:
    """However often a command is delivered side by side, it takes effect once."""
    payment.open_new(open_wallets("1", ("ann", "GBP", 0)))
    told = at_once([partial(payment.deposit, deposit("1", 100))] * 8)
    assert told == told[:1] * 8
    assert balance(payment) == 100


# What is no such command at all.


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
