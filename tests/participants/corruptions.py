"""Corruptions of a shop's databases, each made to be told by one invariant alone."""

from typing import NamedTuple

from tests.shop import without_constraints

DONE, BACK, SHORT, DEAD = (f"order-{order_id}" for order_id in ("done", "back", "short", "dead"))
PAID = "/ProcessPayment"
REFUNDED = "/ProcessPayment/compensation"
TAKEN = "/DecreaseStock"
RESTORED = "/DecreaseStock/compensation"
REGISTERED = "/RegisterOrder"
CONFIRMED = "/ConfirmOrder"
CANCELLED = "/RegisterOrder/compensation"


def spend(customer: str, amount: int) -> str:
    return (
        f"UPDATE wallets SET balance_minor = balance_minor - ({amount}) "
        f"WHERE customer_id = '{customer}'"
    )


def post(transaction_id: str, amount: int) -> str:
    """Write a movement from ann's wallet to the shop."""
    legs = (
        (f"'{transaction_id}', '{account}', 'GBP', {leg}")
        for account, leg in (("wallet:ann", -amount), ("shop", amount))
    )
    return "INSERT INTO ledger " + " UNION ALL ".join(
        f"SELECT {leg}, at FROM fence WHERE key = '{DONE}{PAID}'" for leg in legs
    )


def change(transaction_id: str, by: int) -> str:
    """Make a movement from ann's wallet to the shop larger."""
    sign = "CASE account WHEN 'shop' THEN 1 ELSE -1 END"
    return (
        f"UPDATE ledger SET amount_minor = amount_minor + ({by}) * {sign} "
        f"WHERE transaction_id = '{transaction_id}'"
    )


def outcome(key: str, outcome: str) -> str:
    return f"UPDATE fence SET outcome = '{outcome}' WHERE key = '{key}'"


def forget(key: str) -> str:
    return f"DELETE FROM fence WHERE key = '{key}'"


def twice(table: str, where: str) -> tuple[str, ...]:
    return (*without_constraints(table), f"INSERT INTO {table} SELECT * FROM {table} WHERE {where}")


def in_stock(sku: str, more: int) -> str:
    return f"UPDATE products SET available = available + ({more}) WHERE sku = '{sku}'"


def move(key: str, line: int, sku: str, change: int) -> str:
    order_id = key.removeprefix("order-").partition("/")[0]
    row = f"'{key}', {line}, '{order_id}', '{sku}', {change}"
    return f"INSERT INTO movements SELECT {row}, at FROM fence WHERE key = '{DONE}{TAKEN}'"


def reopen(order_id: str) -> tuple[str, str]:
    return (
        (
            "UPDATE orders SET status = 'PENDING', state = 'PENDING', closed_at = NULL "
            f"WHERE order_id = '{order_id}'"
        ),
        f"DELETE FROM moves WHERE order_id = '{order_id}' AND number > 0",
    )


def card_payment(order_id: str) -> str:
    """Write that an order's price is held on ann's card."""
    return (
        "INSERT INTO card_payments (order_id, customer_id, currency, amount_minor, captured_minor, "
        f"released_minor, refunded_minor) VALUES ('{order_id}', 'ann', 'GBP', 100, 0, 0, 0)"
    )


class Corruption(NamedTuple):
    """A corruption: of whose database, what it must be told by and as what, and how it is done."""

    participant: str
    id: str
    problem: str
    statements: tuple[str, ...]


def corruption(participant: str, id_: str, problem: str, *statements: str) -> Corruption:
    return Corruption(participant, id_, problem, statements)


TWICE_IN_THE_FENCE = "a key stands more than once in the fence"
NO_COMPENSATION = "a command was compensated, and no compensation was applied"
NOT_SHUT_OUT = "a compensation did not shut out its command"

M1 = (
    corruption(
        *("payment", "M1", "the legs of a transaction do not sum to zero"),
        (
            "UPDATE ledger SET amount_minor = amount_minor + 1 "
            f"WHERE transaction_id = '{DONE}{PAID}' AND account = 'shop'"
        ),
    ),
    corruption("payment", "M1", "a wallet is not what the ledger makes it", spend("ann", 1)),
    corruption(
        *("payment", "M1", "a payment and the ledger tell different amounts"),
        change(f"{DONE}{PAID}", 100),
        spend("ann", 100),
    ),
    corruption(
        *("payment", "M1", "wallets and shop do not hold what was deposited"),
        (
            "UPDATE ledger SET account = 'pocket' "
            f"WHERE transaction_id = '{DONE}{PAID}' AND account = 'shop'"
        ),
    ),
)
M2 = (
    corruption(
        *("payment", "M2", "a refund gives back more than was charged"),
        post(f"{DEAD}{REFUNDED}", -100),
        spend("ann", -100),
    ),
    corruption(
        *("payment", "M2", "a refund gives back more than was charged"),
        *without_constraints("payments"),
        "UPDATE payments SET refunded_minor = refunded_minor + 100 WHERE order_id = 'short'",
        change(f"{SHORT}{REFUNDED}", -100),
        spend("ann", -100),
    ),
    corruption(
        "payment",
        "M2",
        "an order has more than one payment",
        *twice("payments", "order_id = 'done'"),
    ),
    corruption(
        *("payment", "M2", "a wallet is below zero"),
        *without_constraints("wallets"),
        spend("bob", 1_001),
        (
            "UPDATE ledger SET amount_minor = -1 "
            "WHERE transaction_id = 'deposit/bob' AND account = 'wallet:bob'"
        ),
        (
            "UPDATE ledger SET amount_minor = 1 "
            "WHERE transaction_id = 'deposit/bob' AND account = 'deposits'"
        ),
    ),
)
M3 = (
    corruption(
        *("payment", "M3", "a card payment stands that no command made"), card_payment("ghost")
    ),
    corruption(
        *("payment", "M3", "a card payment was taken back, and some of it is held or kept"),
        card_payment("back"),
    ),
)
E1_OF_PAYMENT = (
    corruption("payment", "E1", TWICE_IN_THE_FENCE, *twice("fence", f"key = '{DONE}{PAID}'")),
    corruption(
        *("payment", "E1", "a movement of money has not exactly two legs"),
        f"DELETE FROM ledger WHERE transaction_id = 'order-free{PAID}' AND account = 'shop'",
    ),
    corruption("payment", "E1", "money moved that no command moved", forget(f"{DONE}{PAID}")),
    corruption(
        "payment", "E1", "money moved that no command moved", outcome(f"{DONE}{PAID}", "REFUSED")
    ),
    corruption("payment", "E1", "money moved that no command moved", forget(f"{SHORT}{REFUNDED}")),
    corruption("payment", "E1", "money moved that no command moved", forget("paid-in/bonus")),
    corruption("payment", "E1", "a payment stands that no command made", forget(f"{DONE}{PAID}")),
    corruption(
        *("payment", "E1", "a command was applied, and there is no payment"),
        "DELETE FROM payments WHERE order_id = 'done'",
    ),
    *(
        corruption(
            *("payment", "E1", "a command was applied, and no money moved"),
            f"DELETE FROM ledger WHERE transaction_id = '{key}'",
        )
        for key in (f"order-free{PAID}", f"order-free-back{REFUNDED}")
    ),
    corruption(
        *("payment", "E1", "a command was applied, and no money moved"),
        "DELETE FROM ledger WHERE transaction_id = 'paid-in/bonus'",
        spend("ann", 500),
    ),
    corruption("payment", "E1", NO_COMPENSATION, forget(f"{DEAD}{REFUNDED}")),
)
E2_OF_PAYMENT = (
    corruption("payment", "E2", NOT_SHUT_OUT, outcome(f"{SHORT}{PAID}", "APPLIED")),
    corruption("payment", "E2", NOT_SHUT_OUT, forget(f"{DEAD}{PAID}")),
    corruption(
        *("payment", "E2", "money is kept of a command that was compensated"),
        (
            "INSERT INTO payments SELECT 'dead', customer_id, currency, 450, 0 FROM payments "
            "WHERE order_id = 'done'"
        ),
        post(f"{DEAD}{PAID}", 450),
        spend("ann", 450),
    ),
    corruption(
        *("payment", "E2", "money is kept of a command that was compensated"),
        "UPDATE payments SET refunded_minor = refunded_minor - 100 WHERE order_id = 'short'",
        change(f"{SHORT}{REFUNDED}", 100),
        spend("ann", 100),
    ),
)
S1 = (
    corruption(
        "stock", "S1", "what is available is not what the movements make it", in_stock("MUG", -1)
    ),
    corruption(
        *("stock", "S1", "less than nothing is available"),
        *without_constraints("products"),
        "UPDATE products SET initial = initial - available - 1, available = -1 WHERE sku = 'MUG'",
    ),
    corruption(
        *("stock", "S1", "something moved that is no product"),
        *without_constraints("products"),
        "DELETE FROM products WHERE sku = 'MUG'",
    ),
    corruption(
        *("stock", "S1", "an order line restored more than it took"),
        (
            "UPDATE movements SET change = change + 1 "
            f"WHERE command_key = '{BACK}{RESTORED}' AND line = 2"
        ),
        in_stock("MUG", 1),
    ),
)
E1_OF_STOCK = (
    corruption("stock", "E1", TWICE_IN_THE_FENCE, *twice("fence", f"key = '{DONE}{TAKEN}'")),
    corruption(
        *("stock", "E1", "a line of a command moved more than once"),
        *twice("movements", f"command_key = '{DONE}{TAKEN}' AND line = 2"),
        in_stock("MUG", -2),
    ),
    corruption("stock", "E1", "stock moved that no command moved", forget(f"{DONE}{TAKEN}")),
    corruption(
        "stock", "E1", "stock moved that no command moved", outcome(f"{DONE}{TAKEN}", "REFUSED")
    ),
    corruption("stock", "E1", "stock moved that no command moved", forget("movement/delivery")),
    corruption(
        *("stock", "E1", "a command was applied, and no stock moved"),
        "DELETE FROM movements WHERE command_key = 'movement/delivery'",
        in_stock("CAP", -5),
    ),
    corruption(
        *("stock", "E1", "a command was applied, and no stock moved"),
        "DELETE FROM movements WHERE order_id = 'free'",
        in_stock("GIFT", 1),
    ),
    corruption("stock", "E1", NO_COMPENSATION, forget(f"{DEAD}{RESTORED}")),
)
E2_OF_STOCK = (
    corruption("stock", "E2", NOT_SHUT_OUT, outcome(f"{BACK}{TAKEN}", "APPLIED")),
    corruption("stock", "E2", NOT_SHUT_OUT, forget(f"{DEAD}{TAKEN}")),
    corruption(
        *("stock", "E2", "stock is kept of a command that was compensated"),
        move(f"{DEAD}{TAKEN}", 0, "CAP", -1),
        in_stock("CAP", -1),
    ),
    corruption(
        *("stock", "E2", "stock is kept of a command that was compensated"),
        f"DELETE FROM movements WHERE command_key = '{BACK}{RESTORED}' AND line = 1",
        in_stock("CAP", -1),
    ),
)
O1 = (
    corruption(
        *("order", "O1", "a move is not legal"),
        "UPDATE moves SET state = 'AWAITING_REVIEW' WHERE order_id = 'done' AND number = 1",
    ),
    corruption(
        "order",
        "O1",
        "the moves have a gap",
        "UPDATE moves SET number = 7 WHERE order_id = 'done' AND number = 2",
    ),
    corruption("order", "O1", "the moves have a gap", "DELETE FROM moves WHERE order_id = 'done'"),
    corruption(
        *("order", "O1", "the moves do not end at the state of the order"),
        "UPDATE orders SET state = 'FAILED' WHERE order_id = 'done'",
    ),
    *(
        corruption(
            *("order", "O1", "state, status and closing time of an order do not go together"),
            f"UPDATE orders SET closed_at = {closed_at} WHERE order_id = '{order_id}'",
        )
        for order_id, closed_at in (("done", "NULL"), ("back", "NULL"), ("open", "placed_at"))
    ),
)
E1_OF_ORDER = (
    corruption("order", "E1", TWICE_IN_THE_FENCE, *twice("fence", f"key = '{DONE}{REGISTERED}'")),
    *(
        corruption("order", "E1", "an order stands as no command left it", forget(key))
        for key in (f"order-open{REGISTERED}", f"{DONE}{CONFIRMED}", f"{BACK}{CANCELLED}")
    ),
    corruption("order", "E1", "a command was applied, and no order tells of it", *reopen("done")),
    corruption(
        *("order", "E1", "a command was applied, and no order tells of it"),
        *(f"DELETE FROM {table} WHERE order_id = 'open'" for table in ("lines", "moves", "orders")),
    ),
    corruption("order", "E1", NO_COMPENSATION, forget(f"{DEAD}{CANCELLED}")),
)
E2_OF_ORDER = (
    corruption("order", "E2", NOT_SHUT_OUT, outcome(f"{BACK}{REGISTERED}", "APPLIED")),
    corruption(
        "order",
        "E2",
        "an order is not cancelled though its registration was compensated",
        *reopen("back"),
    ),
)
PLANTED = (
    *M1,
    *M2,
    *M3,
    *E1_OF_PAYMENT,
    *E2_OF_PAYMENT,
    *S1,
    *E1_OF_STOCK,
    *E2_OF_STOCK,
    *O1,
    *E1_OF_ORDER,
    *E2_OF_ORDER,
)
