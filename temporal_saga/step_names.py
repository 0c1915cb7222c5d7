"""The names of a saga's steps: each names one effect, and what Temporal shows of it."""

import re
from typing import Protocol

from temporal_saga.keys import COMPENSATION, MOST_KEY

AGAIN = "#"
"""In an activity's id, before how often its command has been sent."""

MOST_NAME = 60
"""Characters of a step's own name: with the saga's id it is a key, and with a summary a title."""

MOST_SAGA_ID = MOST_KEY - len(f"/{COMPENSATION}") - MOST_NAME
"""Characters of a saga's id: with more, a step's key would fit and its compensation's would not."""

_NAME = re.compile(rf"[^\W\d_][\w.:-]{{0,{MOST_NAME - 1}}}")
"""No slash, as in a key the compensation stands behind one, and no space, as in the journal."""


class Named(Protocol):
    """What has a step's name."""

    @property
    def step(self) -> str | None:
        """The name of its own; None where its activity's serves."""
        ...

    @property
    def step_name(self) -> str:
        """Either."""
        ...


class MisnamedStep(Exception):
    """Two steps of one saga have the same name, or a step has one that is none: a defect.

    Or one that is taken back was not named as the saga's record was opened. Nothing of that step
    was sent, nor will be.
    """


class StepNames:
    """The names of the steps that one run of a saga has come to: each once.

    Where a saga goes on in another run, or was reset, its code runs from the start, and so do the
    names: what stands in the journal is no second step.
    """

    def __init__(self) -> None:
        """Begin a run, with no step."""
        self._names: set[str] = set()

    def take(self, *steps: Named) -> None:
        """Take the names of steps that are about to be sent.

        Raises:
            MisnamedStep: the first that cannot be sent under its name; those after it have none.
        """
        for step in steps:
            if step.step is not None and not _NAME.fullmatch(step.step):
                raise MisnamedStep(
                    f"{step.step[:MOST_NAME]!r} is no name for a step: it begins with a letter, "
                    f"with letters, digits and _ . : - behind it, {MOST_NAME} characters at most"
                )
            if step.step_name in self._names:
                raise MisnamedStep(
                    f"two steps of this saga are named {step.step_name}, and would be one effect: "
                    "give each a name of its own, by Branch.to(…, step=…) or Call.to(…, step=…)"
                )
            self._names.add(step.step_name)


def activity_id(step: str, key: str, number: int = 1) -> str:
    """Return the id of an activity whose step has a name of its own.

    It tells which step the command belongs to, wherever Temporal shows it. An id that Temporal
    gives begins with a digit.

    Args:
        step: the step's name.
        key: the command's idempotency key.
        number: how often the command has been sent in this run, this time included.

    Returns:
        E.g. `ShipParcel-2`, or `ShipParcel-2/compensation#3`.
    """
    compensation = COMPENSATION if key.endswith(COMPENSATION) else ""
    return f"{step}{compensation}{f'{AGAIN}{number}' if number > 1 else ''}"


def step_of(id_: str) -> str | None:
    """Return the step that an activity's id names; None where Temporal gave the id.

    Then its activity tells the step: it bears the step's name, or takes back no other one.
    """
    if not id_[:1].isalpha():
        return None
    return id_.partition(AGAIN)[0].removesuffix(COMPENSATION)
