"""Why a caller gets no answer; `str()` of an error is the sentence that callers are told.

ServiceError
├── NotFound
├── NotPossible
│   ├── TooLate
│   ├── SelectionGrew
│   ├── TooManyBatches
│   ├── EndedFromOutside
│   └── SagaWedged
├── KeyReused
│   ├── RequestKeyReused
│   ├── OrderIdTaken
│   └── BatchIdTaken
├── PricesWrong
├── CursorGone
└── NotNow
    ├── Away
    │   └── NoWorkerAnswered
    ├── Busy
    ├── NotAllowed
    └── PerhapsPlaced
"""

from collections.abc import Mapping

from contracts.states import SagaState

ORDER_DATABASE = "the order service's database"


class ServiceError(Exception):
    """Base of all; it is never raised itself."""


class NotFound(ServiceError):
    """There is no such thing, or it is another customer's."""

    @classmethod
    def of(cls, thing: str) -> "NotFound":
        """Say so of `thing`, e.g. `product A-1`."""
        return cls(f"there is no {thing}")


class NotPossible(ServiceError):
    """The saga or a participant refuses as things stand; the sentence is its own."""


class TooLate(NotPossible):
    """The order has closed, so no act can reach its saga."""

    def __init__(self, state: SagaState) -> None:
        super().__init__(f"too late: the order is {state}")


class SelectionGrew(NotPossible):
    """A filter finds many more orders than a person has seen."""

    def __init__(self, seen_count: int, count: int, most: int) -> None:
        """Say how many it finds, up to `most` and one more."""
        how_many = f"more than {most}" if count > most else str(count)
        super().__init__(
            f"the filter finds {how_many} orders now, and {seen_count} were seen: preview it again"
        )


class TooManyBatches(NotPossible):
    """As many batch operations are open as may be."""

    def __init__(self, most: int) -> None:
        super().__init__(
            f"{most} batch operations are open, and no more may be: "
            "wait until one is over, or stop one"
        )


class EndedFromOutside(NotPossible):
    """The saga was ended from outside before it was through, so nobody takes the act."""

    def __init__(self, state: SagaState, what_helps: str = "") -> None:
        """Say how the order stands, and to who may know it what can be done, in a sentence."""
        why = f"its saga was ended from outside, and takes no act: the order is {state}"
        super().__init__(f"{why}; {what_helps}" if what_helps else why)


class SagaWedged(NotPossible):
    """The saga's code fails at every try or hangs, so it takes no act."""

    def __init__(self) -> None:
        super().__init__(
            "the order's saga is wedged: its code fails at every try, or hangs, so it hears "
            "nobody. Nothing is lost; it goes on by itself once a corrected orchestrator runs, "
            "and then takes this act, so say it again then"
        )


class KeyReused(ServiceError):
    """A key or id that names one thing came with another."""


class RequestKeyReused(KeyReused):
    """An idempotency key came with another order's id than its first."""

    def __init__(self, order_id: str) -> None:
        super().__init__(
            f"this Idempotency-Key came with order {order_id} before, and one key is one order; "
            "repeat it with that order_id or with none, or choose another key"
        )


class OrderIdTaken(KeyReused):
    """The id belongs to an order of other content."""

    def __init__(self, order_id: str) -> None:
        super().__init__(
            f"the order id {order_id} belongs to another order; "
            "choose another order_id, or another Idempotency-Key"
        )


class BatchIdTaken(KeyReused):
    """The id belongs to a batch operation of other content."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"the batch id {batch_id} belongs to another batch operation; "
            "choose another batch_id, or another Idempotency-Key"
        )


class PricesWrong(ServiceError):
    """Lines offer another price than the rule allows."""

    def __init__(self, lines: Mapping[int, str]) -> None:
        """Keep what is wrong with the price of each line, by its number from 0."""
        super().__init__("; ".join(lines.values()))
        self.lines = lines


class CursorGone(ServiceError):
    """The feed of events does not go on behind this position without a gap."""

    def __init__(self, after: int, pruned_position: int, last_position: int) -> None:
        """Say which positions there are."""
        super().__init__(
            f"there is no going on behind {after}: events up to {pruned_position} are deleted, "
            f"and the last is {last_position}; begin again with after=0, and read the orders "
            "that you missed"
        )


class NotNow(ServiceError):
    """This cannot be answered now, for a reason of ours; asking again is safe."""


class Away(NotNow):
    """A part of the system gives no answer in time."""

    def __init__(self, part: str) -> None:
        super().__init__(f"{part} gives no answer; nothing is lost, ask again")


class NoWorkerAnswered(Away):
    """No worker of the saga answered in time; the act may still be taken."""

    def __init__(self) -> None:
        super().__init__("the orchestrator")


class Busy(NotNow):
    """Temporal is there, and is asked too often; what it said before still holds."""

    def __init__(self) -> None:
        super().__init__("a limit of Temporal's on calls is met; nothing is lost, ask again")


class NotAllowed(NotNow):
    """Temporal does not let us in; the sentence says what is missing."""


class PerhapsPlaced(NotNow):
    """Somebody gave no answer, and the order may have been placed all the same."""

    def __init__(self, order_id: str, cause: NotNow) -> None:
        """Keep the id that the order would have: placing it again shall be no other order."""
        super().__init__(f"{cause}; the order may have been placed")
        self.order_id = order_id


def no_answer(error: NotNow) -> str:
    """Return in words why Temporal does not tell what it alone knows."""
    is_busy = isinstance(error, Busy)
    return "Temporal is asked too often" if is_busy else "Temporal gives no answer"
