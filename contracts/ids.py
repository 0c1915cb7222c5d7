"""The order's id and its saga's: each says the other."""

import re

from contracts.base import IDENTIFIER, digest

SAGA_ID_PREFIX = "order-"
AGAIN = re.compile("-again-[0-9a-f]{12}$")
MOST_OF_AN_ID_AGAIN = 64 - len("-again-") - 12


def saga_id(order_id: str) -> str:
    """Return an order's saga id: its workflow's id, and the root of its idempotency keys."""
    return SAGA_ID_PREFIX + order_id


def order_id_of(saga_id: str) -> str:
    """Return the order whose saga has this id.

    Raises:
        ValueError: the id names no order.
    """
    order_id = saga_id.removeprefix(SAGA_ID_PREFIX)
    if order_id == saga_id or re.fullmatch(IDENTIFIER, order_id) is None:
        raise ValueError(
            f"the workflow id {saga_id!r} names no order; use {SAGA_ID_PREFIX}{{order_id}} "
            "with an order id of 1 to 64 letters, digits, _ or -"
        )
    return order_id


def order_id_or_none(saga_id: str) -> str | None:
    """Return the order whose saga has this id; None when somebody chose one that names none."""
    try:
        return order_id_of(saga_id)
    except ValueError:
        return None


def is_id_again(order_id: str) -> bool:
    """Tell whether an id has the form of those that `id_again` gives."""
    return AGAIN.search(order_id) is not None


def id_again(order_id: str) -> str:
    """Return the id of the one order by which a failed order is placed again.

    It begins as the first order's does, and ends with a digest of the id of the one that failed.
    """
    beginning = AGAIN.sub("", order_id)[:MOST_OF_AN_ID_AGAIN]
    return f"{beginning}-again-{digest(['again', order_id])[:12]}"
