"""An act on an order: what is sent with it, and in which words it is refused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from contracts.decisions import Decision
from contracts.text import ON_RECORD
from temporal_saga.messages import Act
from workflows.start import explain

D = TypeVar("D", bound=Decision)


@dataclass(frozen=True)
class OrderAct(Act[D]):
    """One act that an order's saga takes; what it took once it reads by the rule of that time."""

    explain: Callable[[ValidationError, str], str] = explain
    taken_context: str | None = ON_RECORD
