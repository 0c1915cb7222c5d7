"""How the fence turns a command away, and how an effect refuses one."""

from typing import Any

import sqlalchemy as sa

from temporal_saga.fence_table import COMPENSATED, TOMBSTONE, Answer, Command, fingerprint_of


class FenceError(Exception):
    """The fence turned a command away; it had no effect.

    FenceError
    ├── KeyReused
    └── AlreadyCompensated

    Raised by an activity, either ends the tries of its step. A saga takes the second as the
    participant's refusal, and compensates nothing for it.

    Units: `key` is the command's idempotency key.
    Errors: none.
    Source: promises 2 and 4 of `Fence`.
    """

    def __init__(self, key: str) -> None:
        super().__init__(f"{key}: {self.__doc__}")
        self.key = key


class KeyReused(FenceError):
    """this idempotency key was used before, for a command with another payload."""


class AlreadyCompensated(FenceError):
    """this command arrived after its compensation, so it may not take effect any more."""


class Refused(Exception):
    """Raised by the effect of a compensation, or of what is done `once`, to refuse it.

    Everything is left as it was, and `answer` says why.
    """

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


def check_recalled(row: sa.Row[Any], command: Command) -> None:
    """Find that a row on record answers this command.

    Raises:
        KeyReused: another command left it.
        AlreadyCompensated: the command was compensated.
    """
    if row.fingerprint not in (None, fingerprint_of(command)):
        raise KeyReused(command.idempotency_key)
    if row.outcome in (TOMBSTONE, COMPENSATED):
        raise AlreadyCompensated(command.idempotency_key)
