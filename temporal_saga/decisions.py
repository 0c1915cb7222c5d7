"""What a person tells a saga: who decided what, and why."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

MOST_ATTEMPTS = 10**9

Name = Annotated[str, Field(strict=True, min_length=1, max_length=200)]
Words = Annotated[str, Field(strict=True, min_length=1, max_length=1_000)]


class Decision(BaseModel):
    """Who decided, and why."""

    model_config = ConfigDict(frozen=True)

    by: Name
    reason: Words


class StepDecision(Decision):
    """A decision about the stuck step that it names."""

    step: Name


class StepEvidence(StepDecision):
    """That a stuck step was put right by hand, and what shows it: e.g. a bank transfer's number.

    `attempts` is how many tries the server had begun by then, where whoever sends it knows.
    """

    evidence: Words
    attempts: Annotated[int, Field(strict=True, ge=0, le=MOST_ATTEMPTS)] | None = None
