"""O2: what the databases contradict each other in is reported by it, and by it alone."""

from collections.abc import Callable

import pytest

from operations.audit.audit import audit
from tests.commands import pay, take
from tests.operations.violations import violations_by_id
from tests.shop import CAP, MUG, Shop, one_settled


def overcharge(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.payment.process(pay("new", 460))
    shop.take("new")
    shop.confirm("new")


def charge_somebody_else(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.payment.process(pay("new", 450, customer_id="bob"))
    shop.take("new")
    shop.confirm("new")


def hold_on_a_card_and_confirm(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.corrupt(
        "payment",
        """INSERT INTO card_payments (order_id, customer_id, reference, currency, amount_minor,
        captured_minor, released_minor, refunded_minor)
        VALUES ('new', 'ann', 'pi_1', 'GBP', 450, 400, 0, 0)""",
        """INSERT INTO fence (key, outcome, at)
        VALUES ('order-new/ProcessPayment', 'APPLIED', '2010-12-01 08:26:00')""",
        """INSERT INTO intents (key, at, attempts, call_ends_at)
        VALUES ('order-new/ProcessPayment', '2010-12-01 08:26:00', 1, '2010-12-01 08:26:08')""",
    )
    shop.take("new")
    shop.confirm("new")


def confirm_what_was_not_paid(shop: Shop) -> None:
    shop.register("new", CAP)
    shop.take("new")
    shop.confirm("new")


def confirm_what_was_not_taken(shop: Shop) -> None:
    shop.confirm("open")


def take_one_line_of_a_sku_too_few(shop: Shop) -> None:
    shop.stock.decrease(take("open", ("MUG", 2), ("CAP", 1)))
    shop.confirm("open")


def change_the_total(shop: Shop) -> None:
    shop.corrupt("order", "UPDATE orders SET total_minor = 1 WHERE order_id = 'done'")


def cancel_and_keep_the_money(shop: Shop) -> None:
    shop.close("open")


def cancel_and_keep_the_stock(shop: Shop) -> None:
    shop.register("new", MUG)
    shop.take("new")
    shop.close("new", *one_settled("ProcessPayment"))


def settle_by_nobody(shop: Shop) -> None:
    nobody = (
        """[{"step": "ProcessPayment", "command": "RefundPaymentCommand", "state": "SETTLED"}]"""
    )
    shop.corrupt("order", f"UPDATE orders SET compensations = '{nobody}' WHERE order_id = 'kept'")


def settle_by_a_name_that_nobody_sees(shop: Shop) -> None:
    settlement = """{"by": "\\u200b", "reason": "paid", "evidence": "\\u2060",
        "at": "2010-12-01T08:26:00Z"}"""
    compensations = f"""[{{"step": "ProcessPayment", "command": "RefundPaymentCommand",
        "state": "SETTLED", "settled": {settlement}}}]"""
    shop.corrupt(
        "order", f"UPDATE orders SET compensations = '{compensations}' WHERE order_id = 'kept'"
    )


def settle_in_words_that_cannot_be_read(shop: Shop) -> None:
    shop.corrupt(
        "order", """UPDATE orders SET compensations = '[{"state": 7}]' WHERE order_id = 'kept'"""
    )


def charge_for_no_order(shop: Shop) -> None:
    shop.payment.process(pay("ghost", 100))


def take_for_no_order(shop: Shop) -> None:
    shop.stock.decrease(take("ghost", ("MUG", 1)))


def forget_an_order(shop: Shop) -> None:
    """Lose an order with all traces, as when an older backup of the order service is restored."""
    tables = ("lines", "moves", "orders")
    shop.corrupt("order", *(f"DELETE FROM {table} WHERE order_id = 'back'" for table in tables))
    shop.corrupt("order", "DELETE FROM fence WHERE key LIKE 'order-back/%'")


KEPT = "order kept is CANCELLED: 0.00 GBP of customer ann due, 16.50 GBP of customer ann kept"
ON_A_CARD = "GBP of customer ann, held on a card"
CORRUPTIONS: list[tuple[Callable[[Shop], None], tuple[str, ...]]] = [
    (
        overcharge,
        ("order new is CONFIRMED: 4.50 GBP of customer ann due, 4.60 GBP of customer ann kept",),
    ),
    (
        charge_somebody_else,
        (
            "order new is CONFIRMED: 4.50 GBP of customer ann due, 0.00 GBP of customer ann kept",
            "order new is CONFIRMED: 0.00 GBP of customer bob due, 4.50 GBP of customer bob kept",
        ),
    ),
    (
        hold_on_a_card_and_confirm,
        (
            "order new is CONFIRMED: 4.50 GBP of customer ann due, 4.00 GBP of customer ann kept",
            f"order new is CONFIRMED: 0.00 {ON_A_CARD} due, 0.50 {ON_A_CARD} kept",
        ),
    ),
    (
        confirm_what_was_not_paid,
        ("order new is CONFIRMED: 4.50 GBP of customer ann due, 0.00 GBP of customer ann kept",),
    ),
    (
        confirm_what_was_not_taken,
        (
            "order open is CONFIRMED: 4 × MUG due, 0 × MUG kept",
            "order open is CONFIRMED: 1 × CAP due, 0 × CAP kept",
        ),
    ),
    (take_one_line_of_a_sku_too_few, ("order open is CONFIRMED: 4 × MUG due, 2 × MUG kept",)),
    (change_the_total, ("order done is CONFIRMED: its total is 1, the price of its lines 1650",)),
    (
        cancel_and_keep_the_money,
        ("order open is CANCELLED: 0.00 GBP of customer ann due, 16.50 GBP of customer ann kept",),
    ),
    (cancel_and_keep_the_stock, ("order new is CANCELLED: 0 × MUG due, 2 × MUG kept",)),
    (settle_by_nobody, (KEPT,)),
    (settle_by_a_name_that_nobody_sees, (KEPT,)),
    (settle_in_words_that_cannot_be_read, (KEPT,)),
    (
        charge_for_no_order,
        ("order ghost is not known to the order service, and 1.00 GBP of customer ann kept",),
    ),
    (take_for_no_order, ("order ghost is not known to the order service, and 1 × MUG kept",)),
    (
        forget_an_order,
        (
            "order back is not known to the order service, and 0.00 GBP of customer ann kept",
            "order back is not known to the order service, and 0 × MUG kept",
            "order back is not known to the order service, and 0 × CAP kept",
        ),
    ),
]


@pytest.mark.parametrize(
    ("corrupt", "lines"), CORRUPTIONS, ids=lambda value: getattr(value, "__name__", "")
)
async def test_what_the_participants_disagree_on_is_told_by_o2(
    shop: Shop, corrupt: Callable[[Shop], None], lines: tuple[str, ...]
) -> None:
    """When each participant is right and they contradict each other, O2 alone says so."""
    corrupt(shop)
    report = await audit(shop.settings, None)
    by_id = {id_: set(violations) for id_, violations in violations_by_id(report).items()}
    assert by_id == {"O2": set(lines)}
    assert not report.holds
