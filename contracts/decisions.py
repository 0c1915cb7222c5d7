"""What a person may tell a running saga."""

from typing import Annotated

from pydantic import Field

from contracts.base import Contract

Words = Annotated[str, Field(strict=True, min_length=1, max_length=1_000)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=200)]


class Decision(Contract):
    """Who decided, and why."""

    by: Name
    reason: Words
