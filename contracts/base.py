"""What every contract shares: frozen models, bounded values, bases of commands and events."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import PydanticCustomError

from contracts.text import check_line

MAX_LINES = 1_000
MAX_ROWS = 500
"""Products or wallets in one command."""
ROWS = Field(min_length=1, max_length=MAX_ROWS)

MAX_TOTAL_MINOR = 2**53
MAX_DEPOSIT_MINOR = 10**12
MAX_PIECES = 10**9

IDENTIFIER = r"^[A-Za-z0-9_-]{1,64}$"
CURRENCY = r"^[A-Z]{3}$"
SKU = r"^[A-Za-z0-9 _-]{1,64}$"
STEP_NAME = r"^[^\W\d_][\w.:-]{0,59}(?!\n)$"
"""As the saga core has it, of which a step's own name may be in any script."""
OPERATION_ID = r"^[0-9a-f]{24}$"
REASON = r"^[A-Z][A-Z0-9_]{0,99}$"

IN_WORDS = {
    IDENTIFIER: "1 to 64 letters, digits, _ or -",
    CURRENCY: "a currency's three capital letters, like GBP",
    SKU: "1 to 64 letters, digits, spaces, _ or -",
    STEP_NAME: "a step's name: a letter, then letters, digits and _ . : -, 60 characters at most",
    OPERATION_ID: "an entry's id, of 24 digits and letters from a to f",
    REASON: "a reason in capitals, like OUT_OF_STOCK",
}
"""By pattern: what is asked for, as people are told who gave something else."""

Identifier = Annotated[str, Field(pattern=IDENTIFIER, description=IN_WORDS[IDENTIFIER])]
Currency = Annotated[str, Field(pattern=CURRENCY, description="ISO 4217 code, like GBP")]
Sku = Annotated[str, Field(pattern=SKU, description=IN_WORDS[SKU])]
StepName = Annotated[
    str,
    Field(pattern=re.compile(STEP_NAME)),  # compiled, it is read as the core reads its own
    AfterValidator(check_line),
]
Quantity = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
PriceMinor = Annotated[
    int, Field(strict=True, ge=0, le=10**9, description="in minor units, e.g. pence")
]
TotalMinor = Annotated[
    int, Field(strict=True, ge=0, le=MAX_TOTAL_MINOR, description="in minor units, e.g. pence")
]


def not_zero(number: int) -> int:
    """Return a number that changes something."""
    if number == 0:
        raise PydanticCustomError("zero", "Should not be 0, which changes nothing")
    return number


def refuse_repeats(names: Iterable[str]) -> None:
    """Raise when a name comes twice: which of the two would be meant?"""
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise PydanticCustomError("twice", "Should name {name} once", {"name": twice[0]})


class Contract(BaseModel):
    """A message between rooms: frozen, and tolerant of fields that a newer release added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class KeyedCommand(Contract):
    """What a participant is asked to do once, in the imperative.

    `idempotency_key` names its effect for ever.
    """

    not_fingerprinted: ClassVar[frozenset[str]] = frozenset({"idempotency_key"})

    idempotency_key: str = Field(min_length=1, max_length=200)

    def fingerprint(self) -> str:
        """Return a digest that two commands share exactly when they ask for the same thing.

        Fields that have their default are left out, so that an optional field added in a later
        release changes no digest on record. A default, once released, may therefore never change.
        """
        return digest(
            self.model_dump(mode="json", exclude=set(self.not_fingerprinted), exclude_defaults=True)
        )


class Command(KeyedCommand):
    """What the orchestrator asks of a participant.

    Its key is `{saga id}/{step}`, with `/compensation` when it takes one back.
    """

    order_id: Identifier


class Event(Contract):
    """What a participant answers, in the past tense.

    `event` repeats the class name, so that a stored answer is self-describing.
    """

    event: str
    order_id: Identifier


class PendingEvent(Event):
    """A participant's "not yet": somebody must act first, and the command is to be sent again.

    It is neither a refusal nor the step's last word; the step's compensation stays registered.
    """


class Refusal(Event):
    """A participant's business "no": it did nothing, and asking again will not help."""

    reason: str
    message: str
    details: dict[str, JsonValue] = Field(default_factory=dict)


def digest(value: Any) -> str:
    """Return the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
