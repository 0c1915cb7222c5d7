"""An order in a list: as its run shows it while it is open, as on record afterwards."""

from dataclasses import replace

from application import attention
from application.discretion import for_customer
from application.listed_order import list_entry, provisional_entry, standing_of
from application.needs import Need
from application.run import Run
from contracts.prose import FOR_CUSTOMERS
from contracts.record import Compensation, OrderEntry, Settlement
from contracts.views import FailureView, ListedOrder
from temporal_saga.memo import SagaMemo
from tests.application.order_runs import (
    CLOSED_AT,
    FAILURE,
    LINKS,
    OUT_OF_STOCK,
    PAID,
    RECORD,
    ROLLS_BACK,
    STARTED,
    run,
)

ENTRY = OrderEntry(**RECORD.model_dump(exclude={"lines"}), line_count=1)


def in_list(entry: OrderEntry, run: Run | None, need: Need | None) -> ListedOrder:
    """Return an order as a list shows it by its run and its need."""
    return list_entry(entry, standing_of(entry, run, need), LINKS)


def test_an_open_order_is_listed_as_its_run_shows_it() -> None:
    """With its state; one whose saga has ended needs attention, and a closed one does not."""
    going = run("PAYMENT_COMPLETED", *PAID)
    entry = provisional_entry("7", going)
    listed_order = in_list(entry.model_copy(update={"state": "PENDING"}), going, None)
    assert (listed_order.state, listed_order.needs_attention) == ("PAYMENT_COMPLETED", False)
    assert (listed_order.customer_id, listed_order.placed_at) == ("17850", STARTED)
    ended_run = replace(going, closed_at=CLOSED_AT)
    left = in_list(entry, ended_run, None)
    assert left.attention == attention.left_open("7", ended_run)
    closed_entry = entry.model_copy(update={"closed_at": CLOSED_AT})
    assert in_list(closed_entry, ended_run, None).needs_attention is False


def test_an_order_that_rolls_back_says_why() -> None:
    """Its record has the reason when it is closed; until then its saga's memo has it."""
    open_order = provisional_entry("7", run("PENDING"))
    for state in ("ROLLING_BACK", "ROLLBACK_STUCK"):
        listed_order = in_list(open_order, run(state, memo=ROLLS_BACK), None)
        assert listed_order.failure == OUT_OF_STOCK
    long = replace(FAILURE, message="x" * 2_000, details={"short": "y" * 600})
    long_order = in_list(open_order, run("ROLLING_BACK", memo=SagaMemo(failure=long)), None)
    assert long_order.failure is not None
    assert (long_order.failure.message, long_order.failure.details) == (f"{'x' * 200} …", {})
    customer_view = for_customer(long_order).failure
    assert customer_view is not None
    assert customer_view.message == FOR_CUSTOMERS[customer_view.reason]


def test_since_when_it_needs_a_person_may_be_known_from_elsewhere() -> None:
    """Visibility does not tell since when a saga is wedged; of another need nothing is told."""
    reported_run = replace(run("PENDING"), attributes={"TemporalReportedProblems": ["cause=…"]})
    need = attention.need_of_wedged("7", CLOSED_AT)
    entry = provisional_entry("7", reported_run)
    need_in_list = in_list(entry, reported_run, None).attention
    assert (need_in_list and need_in_list.cause, need_in_list and need_in_list.since) == (
        "WEDGED",
        None,
    )
    assert in_list(entry, reported_run, Need(need, None)).attention == need
    other_need = Need(attention.need_of_stuck("7", reported_run), None)
    assert in_list(entry, reported_run, other_need).attention == need_in_list


def test_a_list_shows_as_much_of_what_others_wrote_as_it_has_room_for() -> None:
    """A long sentence, and the words of who settled it; what is short stays whole."""
    long_one = FailureView(reason="UNKNOWN_SKU", message="x" * 2_000)
    word = Settlement(by="b" * 200, reason="r" * 1_000, evidence="é" * 1_000, at=CLOSED_AT)
    settled_refund = Compensation(
        step="ProcessPayment", command="RefundPaymentCommand", state="SETTLED", settled=word
    )
    large = ENTRY.model_copy(update={"failure": long_one, "compensations": (settled_refund,) * 4})
    listed_order = in_list(large, None, None)
    assert len(listed_order.model_dump_json()) < 5_000
    assert listed_order.failure is not None
    assert listed_order.failure.message == f"{'x' * 200} …"
    assert in_list(ENTRY, None, None).failure == OUT_OF_STOCK
