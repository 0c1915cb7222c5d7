"""What a command costs.

One transaction and at most five statements, on SQLite and PostgreSQL, however large the order is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.base import MAX_LINES, MAX_ROWS, Command, KeyedCommand
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, RegisterOrderCommand
from contracts.payment import (
    DepositMoneyCommand,
    OpenWalletsCommand,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletView,
)
from contracts.placing import DraftOrder, OrderLine
from contracts.stock import (
    DecreaseStockCommand,
    MoveStockCommand,
    OfferProductsCommand,
    ProductOffer,
    RestoreStockCommand,
    StockView,
)
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.fence import KeyReused
from tests.commands import (
    ORDER,
    OTHER_ORDER,
    cancel,
    confirm,
    deposit,
    move,
    offer,
    open_wallets,
    pay,
    put_back,
    refund,
    register,
    settled_confirm,
    take,
)

MOST_STATEMENTS = 5

SKUS = [f"SKU {number}" for number in range(MAX_LINES)]
ALL = [(sku, 1) for sku in SKUS]
LONG_ORDER = ORDER.model_copy(
    update={"lines": tuple(OrderLine(sku=sku, quantity=1, unit_price_minor=1) for sku in SKUS)}
)
TWO = [("SKU 1", 2), ("SKU 0", 1), ("SKU 1", 1)]
NONE_LEFT = [("SKU 0", 11)]
UNKNOWN = [("unknown", 1)]

ELSEWHERE = {"idempotency_key": "elsewhere/RegisterOrder"}
FOREIGN_CANCEL = cancel("7", OTHER_ORDER).model_copy(
    update={"idempotency_key": "elsewhere/RegisterOrder/compensation"}
)

CASES: dict[str, tuple[Sequence[Command], Command, int]] = {
    # what came before, the command, its statements
    "register": ([], register("7"), 4),
    "register, 1,000 lines": ([], register("7", LONG_ORDER), 4),
    "register, repeated": ([register("7")], register("7"), 3),
    "register, id taken": ([register("7")], register("7", OTHER_ORDER), 2),
    "register, id taken under another key": (
        [register("7")],
        register("7").model_copy(update=ELSEWHERE),
        3,
    ),
    "register, cancelled before": ([cancel("7")], register("7"), 2),
    "confirm": ([register("7")], confirm("7"), 4),
    "confirm, repeated": ([register("7"), confirm("7")], confirm("7"), 2),
    "confirm, repeated with the word of who settled it": (
        [register("7"), confirm("7")],
        settled_confirm("7"),
        4,
    ),
    "confirm, not registered": ([], confirm("7"), 3),
    "cancel": ([register("7")], cancel("7"), 5),
    "cancel, confirmed before": ([register("7"), confirm("7")], cancel("7"), 5),
    "cancel, never registered": ([], cancel("7"), 5),
    "cancel, never registered, 1,000 lines": ([], cancel("7", LONG_ORDER), 5),
    "cancel, no order": ([], cancel("7", DraftOrder()), 4),
    "cancel, repeated": ([cancel("7", compensations=())], cancel("7", compensations=()), 2),
    "cancel, repeated with the word of who settled it": (
        [cancel("7", compensations=())],
        cancel("7"),
        4,
    ),
    "cancel, another's order": ([register("7")], cancel("7", OTHER_ORDER), 2),
    "cancel, another's order under another key": ([register("7")], FOREIGN_CANCEL, 3),
    "pay": ([], pay("7", 400), 4),
    "pay, too little": ([], pay("7", 1_001), 5),
    "pay, unknown customer": ([], pay("7", 1, customer_id="zoe"), 5),
    "pay, another currency": ([], pay("7", 1, currency="EUR"), 5),
    "pay, repeated": ([pay("7", 400)], pay("7", 400), 2),
    "pay, refused before": ([pay("7", 1_001)], pay("7", 1_001), 2),
    "pay, key reused": ([pay("7", 400)], pay("7", 401), 2),
    "pay, refunded before": ([refund("7", 400)], pay("7", 400), 2),
    "refund": ([pay("7", 400)], refund("7", 400), 4),
    "refund, never paid": ([], refund("7", 400), 3),
    "refund, payment refused": ([pay("7", 1_001)], refund("7", 1_001), 3),
    "refund, repeated": ([pay("7", 400), refund("7", 400)], refund("7", 400), 2),
    "take": ([], take("7", *TWO), 4),
    "take, 1,000 lines": ([], take("7", *ALL), 4),
    "take, out of stock": ([], take("7", *NONE_LEFT), 3),
    "take, unknown SKU": ([], take("7", *UNKNOWN), 3),
    "take, repeated": ([take("7", *TWO)], take("7", *TWO), 2),
    "take, put back before": ([put_back("7", *TWO)], take("7", *TWO), 2),
    "put back": ([take("7", *TWO)], put_back("7", *TWO), 4),
    "put back, 1,000 lines": ([take("7", *ALL)], put_back("7", *ALL), 4),
    "put back, never taken": ([], put_back("7", *TWO), 2),
    "put back, taking refused": ([take("7", *NONE_LEFT)], put_back("7", *NONE_LEFT), 2),
    "put back, repeated": ([take("7", *TWO), put_back("7", *TWO)], put_back("7", *TWO), 2),
}


OFFERS = [ProductOffer(sku=sku, name="new", prices={"GBP": 9}) for sku in SKUS[:MAX_ROWS]]
NEW_OFFERS = [product.model_copy(update={"sku": f"N{product.sku}"}) for product in OFFERS]
CUSTOMERS = [(f"c{number}", "GBP", 5) for number in range(MAX_ROWS)]

SHOPS_OWN: dict[str, tuple[Sequence[KeyedCommand], KeyedCommand, int]] = {
    # No order waits for these; what counts is that their number does not grow with the rows.
    "offer, 500 new": ([], offer("1", *NEW_OFFERS), 3),
    "offer, 500 changed": ([], offer("1", *OFFERS), 8),
    "offer, 500 as they are": ([offer("1", *OFFERS)], offer("2", *OFFERS), 5),
    "offer, repeated": ([offer("1", *OFFERS)], offer("1", *OFFERS), 2),
    "move": ([], move("1", 5, sku="SKU 1"), 6),
    "move, below zero": ([], move("1", -11, sku="SKU 1"), 2),
    "move, unknown SKU": ([], move("1", 5, sku="unknown"), 2),
    "move, repeated": ([move("1", 5, sku="SKU 1")], move("1", 5, sku="SKU 1"), 2),
    "open, 500 new": ([], open_wallets("1", *CUSTOMERS), 3),
    "open, 500 that are open": (
        [open_wallets("1", *CUSTOMERS)],
        open_wallets("2", *CUSTOMERS),
        4,
    ),
    "deposit": ([], deposit("1", 5), 6),
    "deposit, below zero": ([], deposit("1", -1_001), 2),
    "deposit, repeated": ([deposit("1", 5)], deposit("1", 5), 2),
}


@pytest.fixture
def obey(
    orders: OrderService, payment: PaymentService, stock: StockService
) -> Callable[[KeyedCommand], object]:
    """Give a function that hands a command to its participant.

    A command that is turned away is obeyed too.
    """
    payment.open_wallets([WalletView(customer_id="ann", currency="GBP", balance_minor=1_000)])
    stock.add_products(StockView(sku=sku, name=sku, available=10) for sku in SKUS)
    doors: dict[type[KeyedCommand], Callable[[Any], object]] = {
        RegisterOrderCommand: orders.register,
        ConfirmOrderCommand: orders.confirm,
        CancelOrderCommand: orders.cancel,
        ProcessPaymentCommand: payment.process,
        RefundPaymentCommand: payment.refund,
        DecreaseStockCommand: stock.decrease,
        RestoreStockCommand: stock.restore,
        OfferProductsCommand: stock.offer,
        MoveStockCommand: stock.move,
        OpenWalletsCommand: payment.open_new,
        DepositMoneyCommand: payment.deposit,
    }

    def obey(command: KeyedCommand) -> None:
        with suppress(KeyReused, LookupError):
            doors[type(command)](command)

    return obey


@contextmanager
def counting(engine: sa.Engine) -> Iterator[tuple[list[sa.Connection], list[str]]]:
    """Give the transactions that are begun and the statements that are sent meanwhile.

    One sent with many rows is one.
    """
    transactions: list[sa.Connection] = []
    statements: list[str] = []

    def hear_begin(connection: sa.Connection) -> None:
        transactions.append(connection)

    def hear_statement(
        _connection: sa.Connection, _cursor: object, statement: str, *_more: object
    ) -> None:
        if not statement.startswith("BEGIN"):  # which SQLite is told in so many words
            statements.append(statement)

    sa.event.listen(engine, "begin", hear_begin)
    sa.event.listen(engine, "before_cursor_execute", hear_statement)
    yield transactions, statements
    sa.event.remove(engine, "begin", hear_begin)
    sa.event.remove(engine, "before_cursor_execute", hear_statement)


@pytest.mark.parametrize("case", CASES)
def test_a_command_is_one_transaction_of_at_most_five_statements(
    engine: sa.Engine, obey: Callable[[Command], object], case: str
) -> None:
    """A command costs no more than this, be it accepted, refused, repeated or too late."""
    before, command, most = CASES[case]
    for earlier in before:
        obey(earlier)
    with counting(engine) as (transactions, statements):
        obey(command)
    assert len(transactions) == 1
    assert len(statements) == most, statements
    assert most <= MOST_STATEMENTS


@pytest.mark.parametrize("case", SHOPS_OWN)
def test_what_fills_the_shop_is_one_transaction_of_few_statements(
    engine: sa.Engine, obey: Callable[[KeyedCommand], object], case: str
) -> None:
    """What the shop's own people tell is one transaction, and no more statements for many rows."""
    before, command, most = SHOPS_OWN[case]
    for earlier in before:
        obey(earlier)
    with counting(engine) as (transactions, statements):
        obey(command)
    assert (len(transactions), len(statements)) == (1, most), statements


def test_a_refund_that_names_another_amount_costs_one_statement_more(
    engine: sa.Engine, obey: Callable[[Command], object]
) -> None:
    """No order saga asks for that.

    The answer that was expected is not the one, and is written again.
    """
    obey(pay("7", 400))
    with counting(engine) as (transactions, statements):
        obey(refund("7", 399))
    assert (len(transactions), len(statements)) == (1, 5)
