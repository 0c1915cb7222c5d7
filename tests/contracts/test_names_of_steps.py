"""Whatever a saga may name a step, it is retried, settled and found by that name."""

from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from application.batch_selection import BatchSelection
from application.order_query import ListQuery
from contracts.base import IN_WORDS, STEP_NAME, StepName
from contracts.decisions import StepDecision
from contracts.prose import problems
from contracts.steps import STEPS
from contracts.text import flaw
from routes import acts
from routes.assistants.arguments import ProposalArguments
from temporal_saga.call import Call
from temporal_saga.step_names import MisnamedStep, StepNames
from tests.commands import pay

PATH: TypeAdapter[str] = TypeAdapter(acts.Step)
STEP: TypeAdapter[str] = TypeAdapter(StepName)

FINDERS: dict[str, Callable[[str], str | None]] = {
    "filter": lambda name: ListQuery(step=name).step,
    "batch": lambda name: (
        BatchSelection.model_validate({"act": "retry", "step": name, "filter": {"step": name}}).step
    ),
}
READERS: dict[str, Callable[[str], str | None]] = {
    "path": PATH.validate_python,
    "assistant": lambda name: (
        ProposalArguments.model_validate({"order_id": "7", "act": "retry", "step": name}).step
    ),
    "saga": lambda name: StepDecision(step=name, by="ann", reason="late").step,
}


def is_name(text: str) -> bool:
    """Tell whether the saga core takes a text for a step's own name."""
    try:
        StepNames().take(Call.to("payment", pay("7", 1), step=text))
    except MisnamedStep:
        return False
    return True


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=40, deadline=None)
@given(name=st.from_regex(STEP_NAME, fullmatch=True).filter(lambda name: not flaw(name)))
@example("ProcessPayment-2")
@example("Überweisung-2")
@example("m²:½.a_b-")
@example("S" * 60)
def test_each_name_that_a_saga_takes_is_taken(reader: str, name: str) -> None:
    """In the path of an act, and by an assistant."""
    assert is_name(name)
    assert READERS[reader](name) == name


@pytest.mark.parametrize("finder", FINDERS)
@pytest.mark.parametrize("behind", ["", "-2", ".late:1_b"])
def test_each_name_that_an_order_s_step_may_have_is_looked_for(finder: str, behind: str) -> None:
    """A step's own, and one that begins with it, as that of one more step of its activity does."""
    for step in STEPS:
        assert FINDERS[finder](f"{step.name}{behind}") == f"{step.name}{behind}"


@settings(deadline=None)
@given(st.text(max_size=70) | st.from_regex(r"[\w.:-]{1,61}\n?", fullmatch=True))
@example("Pay\n")
@example("S" * 61)
@example("")
def test_what_is_no_name_is_refused_in_words(text: str) -> None:
    """The core's rule and ours are one; letters that show nothing no person can tell apart."""
    if is_name(text) and not flaw(text):
        assert STEP.validate_python(text) == text
        return
    with pytest.raises(ValidationError) as error:
        STEP.validate_python(text)
    [(_, why)] = problems(error.value.errors())
    assert why in (f"must be {IN_WORDS[STEP_NAME]}", f"{flaw(text, one_line=True)}")


def test_the_orders_own_steps_have_such_names() -> None:
    """Also those that are named as their activities are."""
    assert all(is_name(step.name) for step in STEPS)
