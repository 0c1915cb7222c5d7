"""Expressions over an order's row that SQLite and PostgreSQL write each in its own way.

Why an order failed is stored as JSON. PostgreSQL's JSON operators fail on a text with a NUL in it,
wherever that stands, and anybody's words may have one: there it is read as text. `step`, `event`,
`reason`, `message` and `details` come in this order, and the first three are names.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

MOST_OF_A_NAME = 100
"""Characters of a name that PostgreSQL compares: a row of an index has a limit."""


class _Expression(sa.ColumnElement[str]):
    """A text by its SQL in each dialect."""

    inherit_cache = True
    type = sa.String()
    sqlite = ""
    postgresql = ""


class _FailureReason(_Expression):
    inherit_cache = True
    sqlite = "json_extract(failure, '$.reason')"  # which older versions know as well
    postgresql = (
        "(regexp_match(CAST(failure AS TEXT), "
        """'^\\{"step": (?:null|"[^"]*"), "event": (?:null|"[^"]*"), """
        f""""reason": "([^"]{{0,{MOST_OF_A_NAME}}})'))[1]"""
    )


class _FailureStep(_Expression):
    inherit_cache = True
    sqlite = "json_extract(failure, '$.step')"
    postgresql = (
        "(regexp_match(CAST(failure AS TEXT), "
        f"""'^\\{{"step": "([^"]{{0,{MOST_OF_A_NAME}}})'))[1]"""
    )


class _FailureWords(_Expression):
    inherit_cache = True
    sqlite = (
        """replace(substr(failure, instr(failure, '"reason": "') + 11, """
        """instr(failure, '", "details": {') - instr(failure, '"reason": "') - 11), """
        """'", "message": "', '"')"""
    )
    postgresql = (
        """replace(split_part(split_part(CAST(failure AS TEXT) COLLATE "C", '"reason": "', 2), """
        """'", "details": {', 1), '", "message": "', '"')"""
    )


class _Id(_Expression):
    inherit_cache = True
    sqlite = "order_id"
    postgresql = 'order_id COLLATE "C"'


@compiles(_Expression)
def _on_postgresql(expression: _Expression, _compiler: Any, **_: Any) -> str:
    return f"({expression.postgresql})"


@compiles(_Expression, "sqlite")
def _on_sqlite(expression: _Expression, _compiler: Any, **_: Any) -> str:
    return expression.sqlite


FAILURE_REASON = _FailureReason()
"""Why an order failed; NULL if it did not."""

FAILURE_STEP = _FailureStep()
"""The step at which it failed; NULL if at none."""

FAILURE_WORDS = _FailureWords()
"""Its reason and message with a quotation mark between them, as JSON escapes both."""

ID = _Id()
"""The order's id, which is compared as Python does."""
