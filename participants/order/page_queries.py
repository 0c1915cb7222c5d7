"""The queries that a page of orders is made of.

A page is read along an index: rows come as they are sorted, and reading ends when the page is full.
What that index does not know is looked at row by row, in at most `MOST_ROWS` of them. So a page
costs no more where few orders fit, and however many exist.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from contracts.states import FailureReason, OrderStatus
from participants.order.expressions import (
    FAILURE_REASON,
    FAILURE_STEP,
    FAILURE_WORDS,
    ID,
    MOST_OF_A_NAME,
)
from participants.order.filters import (
    BY_TIME_CLOSED,
    BY_TOTAL,
    NAMED_REASONS,
    OrderFilter,
    Position,
    lower,
)
from participants.order.tables import FAILED, LINES, ORDERS, PLACED_AGAIN

MOST_ROWS = 100_000
"""So many orders are looked at for one page at most."""

MOST_IDS_OF_SKU = 2_000
"""Of a product with no more orders, these are looked at alone."""

Wrap = Callable[[sa.ColumnElement[Any]], sa.ColumnElement[Any]]


def _whole(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return a column as it is, so that the database may look it up."""
    return column


def _by_row(column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """Return the same value, so that SQLite, which has no statistics, looks up nothing by it."""
    return sa.func.coalesce(column, sa.null())


def _has_reason(reason: str, wrap: Wrap) -> sa.ColumnElement[bool]:
    if reason == FailureReason.OTHER:
        return FAILED & wrap(FAILURE_REASON).not_in(sorted(NAMED_REASONS))
    return FAILED & (wrap(FAILURE_REASON) == reason)


def _failed_at(step: str, wrap: Wrap) -> sa.ColumnElement[bool]:
    in_json = json.dumps(step)[1:-1]  # PostgreSQL reads the text of it
    return FAILED & wrap(FAILURE_STEP).in_({step, in_json[:MOST_OF_A_NAME]})


def _has_sku(sku: str, _: Wrap) -> sa.ColumnElement[bool]:
    return sa.exists().where(LINES.c.sku == sku, LINES.c.order_id == ORDERS.c.order_id)


def _was_placed_again(which: bool, _: Wrap) -> sa.ColumnElement[bool]:
    again = sa.exists().where(PLACED_AGAIN.c.again_of == ORDERS.c.order_id)
    return again if which else ~again


CONDITIONS: Mapping[str, Callable[[Any, Wrap], sa.ColumnElement[bool]]] = {
    "owner": lambda owner, wrap: wrap(ORDERS.c.customer_id) == owner,
    "customer_id": lambda customer_id, wrap: wrap(ORDERS.c.customer_id) == customer_id,
    "reason": _has_reason,
    "step": _failed_at,
    "status": lambda status, wrap: wrap(ORDERS.c.status) == status,
    "currency": lambda currency, wrap: wrap(ORDERS.c.currency) == currency,
    "min_total_minor": lambda total, wrap: wrap(ORDERS.c.total_minor) >= total,
    "max_total_minor": lambda total, wrap: wrap(ORDERS.c.total_minor) <= total,
    "placed_from": lambda at, wrap: wrap(ORDERS.c.placed_at) >= at,
    "placed_to": lambda at, wrap: wrap(ORDERS.c.placed_at) < at,
    "closed_from": lambda at, wrap: wrap(ORDERS.c.closed_at) >= at,
    "closed_to": lambda at, wrap: wrap(ORDERS.c.closed_at) < at,
    "sku": _has_sku,
    "placed_again": _was_placed_again,
}
"""By filter: its condition, but for those of `OrderFilter` that are handled by themselves."""

ALONG_AN_INDEX = ("owner", "customer_id", "reason", "step", "status")
"""The filters with an index that has orders by the time at which they were placed; the first of
them that is given is the one that is read along, as the first ones leave the fewest orders."""

RANGES = {
    "placed_at": ("placed_from", "placed_to"),
    "closed_at": ("closed_from", "closed_to"),
    "total_minor": ("min_total_minor", "max_total_minor", "currency"),
}
"""By what is sorted by: the filters that its index answers."""


def page(order_filter: OrderFilter, limit: int, last: Position | None) -> sa.Select[Any]:
    """Return the query for the first of the orders that pass a filter, at most so many.

    Args:
        order_filter: which orders, how sorted, and behind which.
        limit: how many at most.
        last: no order behind this one is looked at; None looks at all.
    """
    query = _in_order(sa.select(ORDERS), order_filter).where(*_row_by_row(order_filter))
    if last is not None:
        keys = sa.tuple_(*_sort_keys(order_filter))
        query = query.where(keys >= last if order_filter.sort.is_descending else keys <= last)
    return query.limit(limit)


def last_looked_at(order_filter: OrderFilter) -> sa.Select[Any] | None:
    """Return the query for the position at which reading a page ends; None if it needs no end.

    It ends there if there is a second row: another order behind it.
    """
    if order_filter.among is not None or not _row_by_row(order_filter):
        return None
    query = _in_order(sa.select(*_sort_keys(order_filter)), order_filter)
    return query.offset(MOST_ROWS - 1).limit(2)


def ids_of_sku(sku: str) -> sa.Select[Any]:
    """Return the query for the orders of a product, or for some if there are too many."""
    orders = sa.select(LINES.c.order_id).where(LINES.c.sku == sku).distinct()
    return orders.limit(MOST_IDS_OF_SKU + 1)


def _sort_keys(order_filter: OrderFilter) -> tuple[sa.ColumnElement[Any], sa.ColumnElement[str]]:
    """Return what is sorted by. The older indexes have ids as the database compares them."""
    sort = order_filter.sort
    is_new = sort in BY_TIME_CLOSED | BY_TOTAL
    return ORDERS.c[sort.field], ID if is_new else ORDERS.c.order_id


def _in_order(query: sa.Select[Any], order_filter: OrderFilter) -> sa.Select[Any]:
    """Return a query in its order, narrowed to what one index answers."""
    sort = order_filter.sort
    keys = _sort_keys(order_filter)
    query = query.order_by(*(key.desc() if sort.is_descending else key.asc() for key in keys))
    if order_filter.among is not None:
        query = query.where(ORDERS.c.order_id.in_(order_filter.among))
    for name in _index_filters(order_filter):
        query = query.where(CONDITIONS[name](getattr(order_filter, name), _whole))
    if sort in BY_TIME_CLOSED | BY_TOTAL:
        query = query.where(keys[0].is_not(None))
    elif order_filter.text is not None:
        query = query.where(FAILED, ORDERS.c.status == OrderStatus.CANCELLED)
    if (behind := order_filter.behind) is not None:
        query = query.where(
            sa.tuple_(*keys) < behind if sort.is_descending else sa.tuple_(*keys) > behind
        )
    return query


def _index_filters(order_filter: OrderFilter) -> list[str]:
    """Return the filters that are answered by the index that a page is read along."""
    ranges = [name for name in RANGES[order_filter.sort.field] if _is_given(order_filter, name)]
    if order_filter.among is not None:
        return []
    if order_filter.sort in BY_TIME_CLOSED | BY_TOTAL:
        return ranges
    names = [name for name in ALONG_AN_INDEX if _is_given(order_filter, name)]
    if order_filter.reason == FailureReason.OTHER:
        names.remove("reason")
    return [*names[:1], *ranges]


def _row_by_row(order_filter: OrderFilter) -> list[sa.ColumnElement[bool]]:
    """Return the other conditions."""
    others = set(CONDITIONS) - set(_index_filters(order_filter))
    conditions = [
        CONDITIONS[name](getattr(order_filter, name), _by_row)
        for name in sorted(others)
        if _is_given(order_filter, name)
    ]
    if order_filter.text is not None:
        conditions.append(_has_text(order_filter.text, is_owner=order_filter.owner is not None))
    return conditions


def _has_text(text: str, *, is_owner: bool) -> sa.ColumnElement[bool]:
    """Return that a text may stand in why an order failed: nearly all that pass have it.

    Both are compared as JSON escapes them, so that any text can be looked for in any database. An
    escape has letters of its own, which are not the text's.
    """
    words = FAILURE_REASON if is_owner else FAILURE_WORDS
    needle = lower(json.dumps(text)[1:-1])
    return FAILED & sa.func.lower(words).contains(needle, autoescape=True)


def _is_given(order_filter: OrderFilter, name: str) -> bool:
    return getattr(order_filter, name) is not None
