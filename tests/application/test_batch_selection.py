"""Which orders an act on many is done to."""

from typing import Any

import pytest
from pydantic import ValidationError

from application.batch_selection import MEANT_BY, BatchRequest, BatchSelection, has_grown
from application.order_query import ListQuery
from contracts.acts import MESSAGES, Act
from contracts.decisions import ACTS, StepEvidence

ANN = {"by": "ann", "reason": "in order", "count": 3}


@pytest.mark.parametrize("act", Act)
def test_a_filter_that_says_nothing_of_how_orders_stand_means_those_of_the_act(act: Act) -> None:
    """So nobody approves what awaits no review; what is said counts as it is said."""
    of_anna = BatchSelection.model_validate({"act": act, "filter": {"customer_id": "anna"}})
    is_again = act is Act.PLACE_AGAIN
    others = {"placed_again": False, "without_reasons": ["CANCELLED", "REJECTED"]}
    left_out = others if is_again else {}
    assert of_anna.applied_filter == {"customer_id": "anna", **MEANT_BY[act], **left_out}
    pending = BatchSelection.model_validate({"act": act, "filter": {"status": "PENDING"}})
    assert pending.applied_filter == {"status": "PENDING", **left_out}


def test_what_somebody_wanted_to_fail_is_placed_again_where_that_is_said() -> None:
    """By its reason, or by those that are left out; and the filter as it is applied can be sent."""
    for why in ({"reason": "REJECTED"}, {"without_reasons": ["UNKNOWN_SKU"]}):
        filters = {"status": "CANCELLED", **why}
        selection = BatchSelection.model_validate({"act": "place-again", "filter": filters})
        assert selection.applied_filter == filters | {"placed_again": False}
    first = BatchSelection.model_validate({"act": "place-again", "filter": {"sku": "S"}})
    again = BatchSelection.model_validate({"act": "place-again", "filter": first.applied_filter})
    assert again.applied_filter == first.applied_filter


def test_a_step_is_named_as_a_saga_may_name_it() -> None:
    """And only where the act has one; of a misspelt one no order is stuck."""
    preview = {"act": "retry", "step": "DecreaseStock", "filter": {"needs_attention": True}}
    assert BatchSelection.model_validate(preview).step == "DecreaseStock"
    wrongs: list[dict[str, str]] = [
        {"step": "not a step!"},
        {"act": "approve"},
    ]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            BatchSelection.model_validate(preview | wrong)
        with pytest.raises(ValidationError):
            BatchRequest.model_validate(preview | ANN | wrong)


def test_who_asks_for_orders_that_were_placed_again_gets_them() -> None:
    """Each answers then with the order by which it was placed again."""
    again = {"act": Act.PLACE_AGAIN, "filter": {"placed_again": True}}
    selection = BatchSelection.model_validate(again)
    assert selection.applied_filter == {
        "status": "CANCELLED",
        "placed_again": True,
        "without_reasons": ["CANCELLED", "REJECTED"],
    }


def test_who_needs_a_person_for_a_cause_is_who_is_meant() -> None:
    """Whatever the act would mean by itself."""
    selection = BatchSelection.model_validate({"act": "cancel", "filter": {"cause": "STUCK"}})
    assert selection.applied_filter == {"cause": "STUCK"}


def test_a_filter_is_needed() -> None:
    """None would be everybody's orders; so would one that is misspelt."""
    wrongs: list[dict[str, Any]] = [
        {},
        {"costumer_id": "anna"},
        {"limit": 5},
        {"without_reasons": []},
        {"step": "procespayment"},
    ]
    for wrong in wrongs:
        with pytest.raises(ValidationError):
            BatchSelection.model_validate({"act": "cancel", "filter": wrong})


def test_an_act_comes_with_its_own_fields_and_no_others() -> None:
    """What the saga is sent is what it is sent for one order."""
    selection = {"filter": {"needs_attention": True}, **ANN}
    evidence = {"step": "ProcessPayment", "evidence": "transfer 4711"}
    request = BatchRequest.model_validate({"act": "settle", **selection, **evidence})
    assert MESSAGES[request.act] == "settle_step"
    assert request.decision == StepEvidence(by="ann", reason="in order", **evidence)
    assert type(request.decision) is ACTS["settle_step"]
    for wrong in (
        {"act": "settle", "step": "ProcessPayment"},
        {"act": "retry"},
        {"act": "retry", **evidence},
        {"act": "approve", "step": "ProcessPayment"},
    ):
        with pytest.raises(ValidationError):
            BatchRequest.model_validate({**selection, **wrong})


@pytest.mark.parametrize(
    ("seen_count", "count", "expected"),
    [(1, 2, False), (1, 3, True), (100, 110, False), (100, 111, True), (100, 3, False)],
)
def test_a_selection_may_grow_a_little(seen_count: int, count: int, *, expected: bool) -> None:
    """Orders come while a person reads; many more were never seen."""
    assert has_grown(seen_count, count) is expected


@pytest.mark.parametrize("step", ["Nope", "processpayment", "ProcessPaymentX", "ProcessPayment\n"])
def test_a_step_that_is_none_is_told_those_that_are(step: str) -> None:
    """It would find nothing, silently."""
    with pytest.raises(ValidationError, match="Should be a step: RegisterOrder, ProcessPayment"):
        ListQuery(step=step)


@pytest.mark.parametrize("step", ["ProcessPayment", "ProcessPayment-2", "ConfirmOrder.late:1_b"])
def test_a_step_may_have_a_name_of_its_own_that_begins_with_a_steps(step: str) -> None:
    """As steps of one activity have."""
    assert ListQuery(step=step).step == step
