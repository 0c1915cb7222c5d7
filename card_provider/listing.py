"""Lists, which are right at once, and search, which is behind the books."""

import json
import re
from collections.abc import Callable
from typing import Any

from card_provider.books import Books
from card_provider.errors import Body, invalid
from card_provider.parameters import Page, Search

SEARCH_LAG_SECONDS = 60.0
"""How far search is behind when nobody sets it: Stripe says that it is less than a minute."""

CLAUSE = re.compile(
    r"""\s*(?:metadata\[(?P<q>["'])(?P<key>[^"']+)(?P=q)\]|(?P<field>status|customer|currency"""
    r"""|amount|created))(?P<operator>:|[<>]=?)"""
    r"""(?:(?P<r>["'])(?P<text>[^"']*)(?P=r)|(?P<number>\d+))"""
    r"""(?:\s+AND\s+(?=\S)|\s*$)"""
)
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    ":": lambda value, other: bool(value == other),
    "<": lambda value, other: bool(value < other),
    ">": lambda value, other: bool(value > other),
    "<=": lambda value, other: bool(value <= other),
    ">=": lambda value, other: bool(value >= other),
}
NEWEST_FIRST = (
    "SELECT body FROM objects WHERE object = :object AND created BETWEEN :first AND :last"
    " AND (:path IS NULL OR json_extract(body, :path) = :value)"
    " AND seq < :before ORDER BY seq DESC LIMIT :limit"
)
OLDEST_FIRST = (
    "SELECT body FROM objects WHERE object = :object AND created BETWEEN :first AND :last"
    " AND (:path IS NULL OR json_extract(body, :path) = :value)"
    " AND seq > :after ORDER BY seq LIMIT :limit"
)


def lister(noun: str, url: str, field: str | None = None) -> Callable[[Books, Any, str], Body]:
    """Return the call that lists objects, newest first, all or those with a value of `field`."""

    def list_page(books: Books, page: Page, _: str) -> Body:
        value = getattr(page, field) if field else None
        values = {
            "object": noun,
            "first": page.span.first,
            "last": page.span.last,
            "path": f"$.{field}" if value else None,
            "value": value,
            "limit": page.limit + 1,
        }
        if page.ending_before:
            after = _place(books, noun, page.ending_before, "ending_before")
            rows = books.query(OLDEST_FIRST, after=after, **values)
        else:
            before = 2**62
            if page.starting_after:
                before = _place(books, noun, page.starting_after, "starting_after")
            rows = books.query(NEWEST_FIRST, before=before, **values)
        bodies = [json.loads(row["body"]) for row in rows[: page.limit]]
        if page.ending_before:
            bodies.reverse()
        return {"object": "list", "url": url, "has_more": len(rows) > page.limit, "data": bodies}

    return list_page


def search_payments(books: Books, search: Search, _: str) -> Body:
    """Return the payments that fit, newest first, as the index knows them.

    The index knows what was written `search_lag_seconds` ago, new payments and changed ones.
    """
    fits = _read_query(search.query)
    lag = books.setting("search_lag_seconds", SEARCH_LAG_SECONDS)
    rows = books.query(
        "SELECT body FROM (SELECT MIN(seq) AS first, MAX(seq) AS last FROM search_index"
        " WHERE at <= :until GROUP BY id) JOIN search_index ON seq = last ORDER BY first DESC",
        until=books.now() - lag,
    )
    bodies = [body for row in rows if fits(body := json.loads(row["body"]))]
    start = int(search.page) if search.page and search.page.isdecimal() else 0
    end = start + search.limit
    has_more = len(bodies) > end
    return {
        "object": "search_result",
        "url": "/v1/payment_intents/search",
        "has_more": has_more,
        "next_page": str(end) if has_more else None,
        "data": bodies[start:end],
    }


def _read_query(query: str) -> Callable[[Body], bool]:
    """Return whether a payment fits; Stripe's query language, without OR, NOT and parts of words.

    Raises:
        ApiError: it says something else.
    """
    clauses: list[re.Match[str]] = []
    place = 0
    while place < len(query) or not clauses:
        clause = CLAUSE.match(query, place)
        if clause is None:
            raise invalid("We were unable to parse your search query.", param="query")
        clauses.append(clause)
        place = clause.end()

    def fits(body: Body) -> bool:
        return all(_fits(body, clause) for clause in clauses)

    return fits


def _fits(body: Body, clause: re.Match[str]) -> bool:
    """Tell whether a payment is as one clause says; what it does not have fits nothing."""
    key = clause["key"]
    value = body["metadata"].get(key) if key else body[clause["field"]]
    text = clause["number"] or clause["text"]
    if isinstance(value, int):
        return text.isdecimal() and COMPARISONS[clause["operator"]](value, int(text))
    return value is not None and COMPARISONS[clause["operator"]](value, text)


def _place(books: Books, noun: str, object_id: str, parameter: str) -> int:
    """Return where an object stands in its list."""
    books.get(noun, object_id, parameter)
    [row] = books.query("SELECT seq FROM objects WHERE id = :id", id=object_id)
    return int(row["seq"])
