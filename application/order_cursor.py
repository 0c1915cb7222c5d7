"""The cursor that says where a page of a list begins."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime

from contracts.base import IDENTIFIER, MAX_TOTAL_MINOR
from participants.order.filters import BY_TOTAL, Position, Sort

ANOTHER_SORT = "This is the cursor of a list that is sorted by {sort}; begin this one without it"


def write_cursor(position: Position, sort: Sort = Sort.NEWEST) -> str:
    """Return a position in the form in which it goes through callers' hands."""
    value = position.value
    words = [value.isoformat() if isinstance(value, datetime) else str(value), position.order_id]
    if sort is not Sort.NEWEST:
        words.insert(0, sort)
    return urlsafe_b64encode(" ".join(words).encode()).decode().rstrip("=")


def read_cursor(cursor: str, sort: Sort = Sort.NEWEST) -> Position:
    """Return the position that `write_cursor` wrote.

    Raises:
        ValueError: it never wrote this, or for a list that is sorted otherwise.
    """
    try:
        *others, value, order_id = urlsafe_b64decode(f"{cursor}==").decode().split(" ")
        [its_sort] = map(Sort, others or [Sort.NEWEST])
        position = Position(_read_value(value, its_sort), order_id)
        is_ours = re.fullmatch(IDENTIFIER, order_id) and write_cursor(position, its_sort) == cursor
    except ValueError:
        is_ours = None
    if not is_ours:
        raise ValueError("This is no cursor; take it from `next`")
    if its_sort is not sort:
        raise ValueError(ANOTHER_SORT.format(sort=its_sort))
    return position


def _read_value(text: str, sort: Sort) -> datetime | int:
    """Return the value in a cursor.

    Raises:
        ValueError: it is none.
    """
    if sort in BY_TOTAL:
        total = int(text)
        if not 0 <= total <= MAX_TOTAL_MINOR:
            raise ValueError(f"{text} is no total")
        return total
    at = datetime.fromisoformat(text)
    if at.tzinfo != UTC:
        raise ValueError(f"{text} is not in UTC")
    return at
