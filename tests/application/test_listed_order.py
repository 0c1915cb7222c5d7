"""An order in a list: as its run shows it while it is open, as on record afterwards."""

from dataclasses import replace

from application import attention
from application.listed_order import entry_to_come, listed
from contracts.record import Compensation, OrderEntry, Settlement
from contracts.views import FailureView
from tests.application.order_runs import (
    CLOSED_AT,
    LINKS,
    OUT_OF_STOCK,
    PAID,
    RECORD,
    STARTED,
    run,
)

ENTRY = OrderEntry(**RECORD.model_dump(exclude={"lines"}), line_count=1)


def test_an_open_order_is_listed_as_its_run_shows_it() -> None:
    """With its state; one whose saga has ended needs attention, and a closed one does not."""
    going = run("PAYMENT_COMPLETED", *PAID)
    entry = entry_to_come("7", going)
    shown = listed(entry.model_copy(update={"state": "PENDING"}), going, None, LINKS)
    assert (shown.state, shown.needs_attention) == ("PAYMENT_COMPLETED", False)
    assert (shown.customer_id, shown.placed_at) == ("17850", STARTED)
    ended = replace(going, closed_at=CLOSED_AT)
    left = listed(entry, ended, None, LINKS)
    assert left.attention == attention.left_open("7", CLOSED_AT, forgotten=False)
    closed = entry.model_copy(update={"closed_at": CLOSED_AT})
    assert listed(closed, ended, None, LINKS).needs_attention is False


def test_since_when_it_needs_a_person_may_be_known_from_elsewhere() -> None:
    """Visibility does not tell since when a saga is wedged; of another need nothing is told."""
    reported = replace(run("PENDING"), attributes={"TemporalReportedProblems": ["cause=…"]})
    known = attention.wedged("7", CLOSED_AT)
    entry = entry_to_come("7", reported)
    shown = listed(entry, reported, None, LINKS).attention
    assert (shown and shown.cause, shown and shown.since) == ("WEDGED", None)
    assert listed(entry, reported, known, LINKS).attention == known
    assert listed(entry, reported, attention.stuck("7", reported), LINKS).attention == shown


def test_a_list_shows_as_much_of_what_others_wrote_as_it_has_room_for() -> None:
    """A long sentence, and the words of who settled it; what is short stays whole."""
    long_one = FailureView(reason="UNKNOWN_SKU", message="x" * 2_000)
    word = Settlement(by="b" * 200, reason="r" * 1_000, evidence="é" * 1_000, at=CLOSED_AT)
    settled = Compensation(
        step="ProcessPayment", command="RefundPaymentCommand", state="SETTLED", settled=word
    )
    large = ENTRY.model_copy(update={"failure": long_one, "compensations": (settled,) * 4})
    shown = listed(large, None, None, LINKS)
    assert len(shown.model_dump_json()) < 5_000
    assert shown.failure is not None
    assert shown.failure.message == f"{'x' * 200} …"
    assert listed(ENTRY, None, None, LINKS).failure == OUT_OF_STOCK
