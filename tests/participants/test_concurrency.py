"""Many at once.

What is scarce is given away once, nobody waits in a circle, and the invariants hold afterwards.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from threading import Barrier

import pytest
import sqlalchemy as sa

from contracts.base import Event
from contracts.order import OrderCancelledEvent, OrderRegisteredEvent
from contracts.payment import PaymentCompletedEvent, PaymentFailedEvent, WalletView
from contracts.states import OrderStatus
from contracts.stock import StockDecreasedEvent, StockDecreaseFailedEvent, StockView
from participants.order.service import OrderService
from participants.payment.service import PaymentService
from participants.stock.service import StockService
from temporal_saga.database import open_database
from tests.commands import (
    ORDER,
    OTHER_ORDER,
    cancel,
    confirm,
    pay,
    put_back,
    refund,
    register,
    take,
)
from tests.concurrency import MEETING_SECONDS, WORKERS, at_once, crowd

ROUNDS = 25
PROCESSES = 2


def test_of_200_orders_for_the_last_unit_one_wins(stock: StockService) -> None:
    """One order gets the last unit; every other is told that there is none left."""
    skus = ("LAST 1", "LAST 2", "LAST 3")
    stock.add_products([StockView(sku=sku, name="the last one", available=1) for sku in skus])
    for sku in skus:
        answers = crowd(
            stock.decrease, [take(f"{sku[-1]}-{number}", (sku, 1)) for number in range(200)]
        )
        assert sum(isinstance(answer, StockDecreasedEvent) for answer in answers) == 1
        refusals = [answer for answer in answers if isinstance(answer, StockDecreaseFailedEvent)]
        assert {(refusal.reason, refusal.message) for refusal in refusals} == {
            ("OUT_OF_STOCK", f"{sku}: 1 asked, 0 left")
        }
        assert stock.product(sku) == StockView(sku=sku, name="the last one", available=0)


def test_of_100_payments_from_one_wallet_as_many_win_as_it_can_pay(payment: PaymentService) -> None:
    """A wallet with money for seven pays seven; every other payment is told what is left."""
    payment.open_wallets(
        [WalletView(customer_id="ann", currency="GBP", balance_minor=7 * 300 + 299)]
    )
    answers = crowd(payment.process, [pay(str(number), 300) for number in range(100)])
    assert sum(isinstance(answer, PaymentCompletedEvent) for answer in answers) == 7
    refusals = [answer for answer in answers if isinstance(answer, PaymentFailedEvent)]
    assert {(refusal.reason, refusal.message) for refusal in refusals} == {
        ("INSUFFICIENT_FUNDS", "the order costs 3.00 GBP, and there are 2.99 GBP in the wallet")
    }
    assert payment.wallet("ann") == WalletView(customer_id="ann", currency="GBP", balance_minor=299)


def test_payments_and_refunds_of_one_wallet_lose_nothing(payment: PaymentService) -> None:
    """A wallet whose orders were all refunded is as full as before, however the commands cross."""
    payment.open_wallets([WalletView(customer_id="ann", currency="GBP", balance_minor=1_000)])
    numbers = [str(number) for number in range(ROUNDS)]
    acts: list[Callable[[], object]] = []
    for number in numbers:
        acts += [
            partial(payment.process, pay(number, 300)),
            partial(payment.refund, refund(number, 300)),
        ]
    crowd(lambda act: act(), acts)
    assert payment.wallet("ann") == WalletView(
        customer_id="ann", currency="GBP", balance_minor=1_000
    )


def test_crossing_carts_never_wait_in_a_circle(stock: StockService) -> None:
    """Carts A+B and B+A, taken and put back at the same time, deadlock nobody and lose nothing."""
    full = [StockView(sku=sku, name=sku, available=100) for sku in "AB"]
    stock.add_products(full)
    ab = (("A", 1), ("B", 2))
    ba = (("B", 1), ("A", 2))
    for number in range(ROUNDS):
        orders = [(f"{number}-{cart}", ab if cart % 2 else ba) for cart in range(4)]
        events = at_once([partial(stock.decrease, take(order, *lines)) for order, lines in orders])
        assert all(isinstance(answer, StockDecreasedEvent) for answer in events)
        put = at_once([partial(stock.restore, put_back(order, *lines)) for order, lines in orders])
        assert all(answer.restored for answer in put)
    assert [stock.product(product.sku) for product in full] == full


def test_crossing_carts_taken_while_others_are_put_back(stock: StockService) -> None:
    """Taking and putting back lock products in one order, whatever the order of a cart's lines."""
    full = [StockView(sku=sku, name=sku, available=100) for sku in ("B", "a-1", "a 2", "A_3")]
    stock.add_products(full)
    lines = [(product.sku, 1) for product in full]
    carts = {"forth": lines, "back": lines[::-1], "twice": lines[1:] + lines}
    for name, cart in carts.items():
        stock.decrease(take(f"0-{name}", *cart))
    for number in range(ROUNDS):
        acts: list[Callable[[], Event]] = []
        for name, cart in carts.items():
            acts.append(partial(stock.restore, put_back(f"{number}-{name}", *cart)))
            acts.append(partial(stock.decrease, take(f"{number + 1}-{name}", *cart)))
        assert {answer.event for answer in at_once(acts)} == {
            "StockRestoredEvent",
            "StockDecreasedEvent",
        }
    for name, cart in carts.items():
        stock.restore(put_back(f"{ROUNDS}-{name}", *cart))
    assert [stock.product(product.sku) for product in full] == full


def test_of_100_orders_with_one_sku_on_two_lines_as_many_win_as_their_sums_allow(
    stock: StockService,
) -> None:
    """Of a product of which 41 are left, 20 carts get the two that stand on their two lines.

    No cart gets half of it.
    """
    stock.add_products(
        [
            StockView(sku="A", name="apple", available=41),
            StockView(sku="B", name="bread", available=1_000),
        ]
    )
    answers = crowd(
        stock.decrease, [take(str(number), ("A", 1), ("B", 1), ("A", 1)) for number in range(100)]
    )
    assert sum(isinstance(answer, StockDecreasedEvent) for answer in answers) == 20
    refusals = [answer for answer in answers if isinstance(answer, StockDecreaseFailedEvent)]
    assert {(refusal.reason, refusal.message) for refusal in refusals} == {
        ("OUT_OF_STOCK", "A: 2 asked, 1 left")
    }
    assert stock.product("B") == StockView(sku="B", name="bread", available=980)


def test_crossing_carts_of_which_one_is_served(stock: StockService) -> None:
    """Of two carts that want the last A and the last B, one gets both and the other none.

    They name them in different order.
    """
    for number in range(ROUNDS):
        a = f"A{number}"
        b = f"B{number}"
        stock.add_products([StockView(sku=sku, name=sku, available=1) for sku in (a, b)])
        carts = [take(f"{number}-ab", (a, 1), (b, 1)), take(f"{number}-ba", (b, 1), (a, 1))]
        answers = at_once([partial(stock.decrease, cart) for cart in carts])
        assert sorted(answer.event for answer in answers) == [
            "StockDecreaseFailedEvent",
            "StockDecreasedEvent",
        ]
        assert [product.available for sku in (a, b) if (product := stock.product(sku))] == [0, 0]


def test_one_order_registered_and_cancelled_at_once_ends_cancelled(orders: OrderService) -> None:
    """An order that is registered and cancelled at once is closed, whoever comes first."""
    for number in map(str, range(ROUNDS)):
        acts: list[Callable[[], Event]] = [
            partial(orders.register, register(number)),
            partial(orders.cancel, cancel(number)),
        ] * 2
        registration, cancellation, *_ = at_once(acts)
        assert cancellation == OrderCancelledEvent(order_id=number)
        record = orders.find(number)
        assert record is not None
        assert record.status == OrderStatus.CANCELLED
        assert registration.event in ("OrderRegisteredEvent", "OrderRejectedEvent")


def test_one_order_confirmed_and_cancelled_at_once_ends_cancelled(orders: OrderService) -> None:
    """An order that is confirmed and cancelled at once is one of the two, whoever comes first.

    A cancelled record is never confirmed.
    """
    for number in map(str, range(ROUNDS)):
        orders.register(register(number))
        acts: list[Callable[[], Event | None]] = [
            partial(confirm_unless_late, orders, number),
            partial(orders.cancel, cancel(number)),
        ]
        _, cancellation = at_once(acts)
        assert cancellation == OrderCancelledEvent(order_id=number)
        record = orders.find(number)
        assert record is not None
        assert record.status == OrderStatus.CANCELLED


def confirm_unless_late(orders: OrderService, order_id: str) -> Event | None:
    """Confirm an order, or return None when it is too late."""
    with suppress(LookupError):
        return orders.confirm(confirm(order_id))
    return None


def test_of_two_orders_of_one_id_at_once_one_owns_it(orders: OrderService) -> None:
    """One order gets the id, the other is told that it belongs to another.

    Cancelling the loser leaves the owner alone.
    """
    for number in map(str, range(ROUNDS)):
        pair = (ORDER, OTHER_ORDER)
        answers = at_once([partial(orders.register, register(number, order)) for order in pair])
        assert sorted(answer.event for answer in answers) == [
            "OrderRegisteredEvent",
            "OrderRejectedEvent",
        ]
        owner, loser = pair if isinstance(answers[0], OrderRegisteredEvent) else pair[::-1]
        assert orders.identity(number) == (owner.fingerprint(), None)
        assert orders.cancel(cancel(number, loser)).event == "OrderRejectedEvent"
        orders.confirm(confirm(number))


SERVICES: list[Callable[[sa.Engine], object]] = [OrderService, PaymentService, StockService]


@pytest.mark.parametrize("service", SERVICES, ids=["order", "payment", "stock"])
def test_services_that_start_at_once_share_an_empty_database(
    new_database: Callable[[], str],
    open_engine: Callable[[str], sa.Engine],
    service: Callable[[sa.Engine], object],
) -> None:
    """However many start at once on a database without tables, each finds or makes them."""
    for _ in range(3):
        url = new_database()
        engines = [open_engine(url) for _ in range(WORKERS)]
        at_once([partial(service, engine) for engine in engines])


def start_services(urls: list[str]) -> None:
    """Start every service on each database in turn, in step with the other processes."""
    for url in urls:
        engine = open_database(url)
        meeting.wait(MEETING_SECONDS)
        for service in (
            PaymentService.open(engine),
            StockService.open(engine),
            OrderService.open(engine),
        ):
            assert service is not None
        engine.dispose()


def bring_meeting(barrier: Barrier) -> None:
    """Let a new process know where all meet."""
    global meeting  # noqa: PLW0603  # how a process pool hands a barrier over
    meeting = barrier


meeting: Barrier


@pytest.mark.long
def test_processes_that_start_at_once_share_an_empty_database(
    new_database: Callable[[], str],
) -> None:
    """The same holds for processes, and for services that share a database."""
    urls = [new_database() for _ in range(8)]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    with ProcessPoolExecutor(PROCESSES, context, bring_meeting, (barrier,)) as pool:
        list(pool.map(start_services, [urls] * PROCESSES))


def test_two_that_load_the_same_wallets_and_products_both_succeed(
    payment: PaymentService, stock: StockService
) -> None:
    """The same wallets opened and the same products added at once, in any order, are there once."""
    for number in range(ROUNDS):
        names = [f"{number}-{letter}" for letter in "abcd"]
        wallets = [
            WalletView(customer_id=name, currency="GBP", balance_minor=100) for name in names
        ]
        products = [StockView(sku=name, name=name, available=100) for name in names]
        at_once(
            [partial(payment.open_wallets, wallets), partial(payment.open_wallets, wallets[::-1])]
        )
        at_once(
            [partial(stock.add_products, products), partial(stock.add_products, products[::-1])]
        )
        assert [payment.wallet(name) for name in names] == wallets
        assert [stock.product(name) for name in names] == products
