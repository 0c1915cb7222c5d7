"""One entry of a saga's story."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Kind = Literal["state", "command", "event", "decision", "note"]


@dataclass(frozen=True)
class Moment:
    """One entry of the story, `at` in UTC.

    Args:
        command: of a command and its answer, the command's name.
        step: of a command and its answer, the name of its step, where that is not its activity's;
            else None.
        attempt: of an answer, how many tries it took; of a command, the number of the try under
            way.
        command_event: the number of the event that scheduled the command: a command that is sent
            again has another one.
        event: the number of the history's event behind which it stands.
        ignored: of a decision, why the saga took no notice; "" when the reason was left out, None
            when it was taken.
        refuses: of an answer, whether it is the participant's no.
        is_heard: of a decision, whether the saga has received it.
    """

    at: datetime
    kind: Kind
    name: str
    participant: str | None = None
    command: str | None = None
    attempt: int | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    command_event: int | None = None
    event: int = 0
    ignored: str | None = None
    is_heard: bool = True
    step: str | None = None
    refuses: bool = field(default=False, compare=False)
