"""What the saga knows of its order and shows: to searches, the Web UI and queries, and to the order service at the end."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from temporalio import workflow
from temporalio.common import SearchAttributeKey, SearchAttributeUpdate

from contracts import stubs
from contracts.order import CancelOrderCommand, ConfirmOrderCommand
from contracts.placing import DraftOrder, PlaceOrder
from contracts.prose import describe, itemise
from contracts.record import Compensation, Failure, Settlement
from contracts.states import LEGAL_MOVES, SagaState, StateMove
from contracts.text import as_code
from temporal_saga.duty import Duty, Progress, Standing
from temporal_saga.saga import Saga
from workflows.decisions import DecisionLog

CLOSED_BY = "RegisterOrder"
"""The step whose compensation closes the order's record: the command that tells of all the others."""


class Record:
    """The order of one saga, the moves it made, and why it failed if it did."""

    def __init__(self, saga: Saga) -> None:
        """Begin with an order of which nothing is known."""
        self._saga = saga
        self._request_key: str | None = None
        self._moves: list[StateMove] = []
        self.order_id: str | None = None
        self.order: DraftOrder = DraftOrder()
        self.failure: Failure | None = None
        self.decisions = DecisionLog()
        self.placed_at = workflow.info().workflow_start_time
        self._told = 0

    def carried(self) -> dict[str, Any]:
        """Return as JSON what the saga's next run needs to know."""
        return {
            "placed_at": self.placed_at.isoformat(),
            "moves": [move.model_dump(mode="json") for move in self._moves],
            "failure": self.failure and self.failure.model_dump(mode="json"),
            "decisions": self.decisions.carried(),
        }

    def go_on_from(self, carried: dict[str, Any]) -> None:
        """Go on from where the run before had come; it is told again up to there, and moves no more on its way."""
        self.placed_at = datetime.fromisoformat(carried["placed_at"])
        self._moves = [StateMove.model_validate(move) for move in carried["moves"]]
        self.failure = carried["failure"] and Failure.model_validate(carried["failure"])
        self.decisions.go_on_from(carried["decisions"])

    @property
    def state(self) -> SagaState | None:
        """Where the saga stands; None before its first move."""
        return self._moves[-1].state if self._moves else None

    def open(self, order: DraftOrder, request_key: str | None) -> None:
        """Take down what was ordered: the state is PENDING."""
        self.order, self._request_key = order, request_key
        self.move(SagaState.PENDING, "start")

    def move(self, state: SagaState, cause: str) -> None:
        """Enter a state, because of an event, and show it.

        Raises:
            ValueError: the move is not legal; a defect, which leaves the run open until a corrected worker takes it up.
        """
        self._told += 1
        if self._told <= len(self._moves) and self._moves[self._told - 1].state is state:
            self._show()  # made by an earlier run
            return
        if state not in LEGAL_MOVES[self.state]:
            raise ValueError(f"{self.state} → {state} is no legal move")
        self._moves.append(StateMove(state=state, cause=cause, at=workflow.now()))
        self._show()

    def fail(self, failure: Failure) -> None:
        """Take down why the saga fails, and start rolling back."""
        if self.state is None:
            self.move(SagaState.PENDING, "start")
        if self.failure is None:
            self.failure = failure
            self.move(SagaState.ROLLING_BACK, failure.event or failure.reason)
        self._told = len(self._moves)

    def complete_again(self) -> None:
        """Enter COMPLETED, from wherever this run has come, as an earlier run of the order had."""
        for state in (SagaState.PENDING, SagaState.PAYMENT_COMPLETED, SagaState.COMPLETED):
            if state in LEGAL_MOVES[self.state]:
                self.move(state, "OrderRegisteredEvent")

    def close(self) -> None:
        """Enter FAILED, once everything is taken back."""
        self.move(SagaState.FAILED, "OrderCancelledEvent")

    def confirm_command(self, *, idempotency_key: str) -> ConfirmOrderCommand:
        """Return the command that closes the order's record as CONFIRMED; settled, it says by whose word."""
        settled = tuple(_as_obeyed(told) for told in self.compensations() if told.settled)
        moves = tuple(self._moves)
        return ConfirmOrderCommand(
            idempotency_key=idempotency_key,
            order_id=self._id,
            moves=moves,
            compensations=settled,
            decisions=self.decisions.decisions,
            decisions_left_out=self.decisions.left_out,
        )

    def cancel_command(self, *, idempotency_key: str) -> CancelOrderCommand:
        """Return the command that closes the order's record as CANCELLED, and is the last of the compensations it tells of."""
        assert self.failure is not None, "an order is only cancelled for a reason"
        told = [_as_obeyed(c) if c.step == CLOSED_BY else c for c in self.compensations()]
        moves = list(self._moves)
        if self.state is SagaState.ROLLBACK_STUCK:  # no longer, once this command is obeyed
            cause = f"{told[-1].command} {told[-1].state}"
            moves.append(StateMove(state=SagaState.ROLLING_BACK, cause=cause, at=workflow.now()))
        return CancelOrderCommand(
            idempotency_key=idempotency_key,
            order_id=self._id,
            placed_at=self.placed_at,
            order=self.order,
            order_fingerprint=self.order.fingerprint(),
            request_key=self._request_key,
            failure=self.failure,
            compensations=tuple(told),
            moves=tuple(moves),
            decisions=self.decisions.decisions,
            decisions_left_out=self.decisions.left_out,
        )

    def compensations(self) -> tuple[Compensation, ...]:
        """Return what the rollback takes back, in the order in which it does; without one, what else is stuck or was settled."""
        if self.failure is not None:
            duties = [*reversed(self._saga.compensations)]
        else:
            duties = [
                duty
                for duty in (*self._saga.asking, *self._saga.finishing)
                if duty.stuck or duty.settlement
            ]
        return tuple(
            Compensation(
                step=duty.step,
                command=f"{duty.call.name}Command",
                state=_standing(duty),
                settled=Settlement.model_validate(vars(duty.settlement))
                if duty.settlement
                else None,
            )
            for duty in duties
        )

    def settlements(self) -> list[dict[str, Any]]:
        """Return as JSON what persons settled by hand, and at which step."""
        settled = [
            d
            for d in (*self._saga.compensations, *self._saga.finishing)
            if d.progress is Progress.SETTLED
        ]
        told = [(duty.step, Settlement.model_validate(vars(duty.settlement))) for duty in settled]
        return [{"step": step, **settlement.model_dump(mode="json")} for step, settlement in told]

    def status(self) -> dict[str, Any]:
        """Return the saga's part of an OrderView as JSON."""
        return {
            "order_id": self.order_id,
            "state": self.state,
            "customer_id": self.order.customer_id,
            "currency": self.order.currency,
            "total_minor": self.order.total_minor,
            "needs_attention": bool(self._saga.stuck),
            "failure": self.failure and self.failure.model_dump(mode="json"),
            "compensations": [c.model_dump(mode="json") for c in self.compensations()],
            "moves": [move.model_dump(mode="json") for move in self._moves],
        }

    def follow(self, duty: Duty) -> None:
        """Show what a compensation, or a step after the pivot, has come to; a rollback is stuck as long as any of it is."""
        stuck = any(compensation.stuck for compensation in self._saga.compensations)
        cause = f"{duty.call.name}Command {_standing(duty)}"
        if stuck and self.state is SagaState.ROLLING_BACK:
            self.move(SagaState.ROLLBACK_STUCK, cause)
        elif not stuck and self.state is SagaState.ROLLBACK_STUCK:
            self.move(SagaState.ROLLING_BACK, cause)
        else:
            self._show()

    @property
    def request_key(self) -> str | None:
        """The request's idempotency key, if it had one."""
        return self._request_key

    @property
    def placed(self) -> tuple[str, PlaceOrder]:
        """The order's id, and the order that was placed under it."""
        assert isinstance(self.order, PlaceOrder), (
            "an order that is none goes no further than its record"
        )
        return self._id, self.order

    @property
    def _id(self) -> str:
        assert self.order_id is not None, "commands are only sent for an order that has an id"
        return self.order_id

    def _show(self) -> None:
        """Set the search attributes that differ from what they are, and the details that the Web UI shows."""
        shown = workflow.info().typed_search_attributes
        wanted: list[SearchAttributeUpdate[Any]] = []
        for key, value in cast(
            "Iterable[tuple[SearchAttributeKey[Any], Any]]",
            (
                (stubs.SAGA_STATE, self.state),
                (stubs.CUSTOMER_ID, self.order.customer_id),
                (stubs.ORDER_TOTAL_MINOR, self.order.total_minor),
                (stubs.FAILURE_REASON, self.failure.reason if self.failure else None),
                (stubs.NEEDS_ATTENTION, bool(self._saga.stuck)),
            ),
        ):
            if value is not None and shown.get(key) != value:
                wanted.append(key.value_set(value))
        if wanted:
            workflow.upsert_search_attributes(wanted)
        workflow.set_current_details(self._details())

    def _details(self) -> str:
        told = [f"**{self.state}**"]
        if self.state is SagaState.AWAITING_REVIEW:
            told.append("Waits for a person: send `approve` or `reject`.")
        if isinstance(self.order, PlaceOrder):
            told += [describe(self.order), itemise(self.order)]
        if self.failure is not None:
            where = f" at {self.failure.step}" if self.failure.step else ""
            told.append(
                f"Failed{where}: **{as_code(self.failure.reason)}**, {as_code(self.failure.message)}"
            )
            told.append(
                "\n".join(
                    f"- {c.command} takes back {c.step}: {c.state}" for c in self.compensations()
                )
            )
        told += [
            f"**{duty.step} is stuck**: {duty.name} keeps failing ({as_code(str(duty.trouble))}). It is still tried; "
            f"`retry_step` tries it now, {_way_out(duty)}."
            for duty in self._saga.stuck
        ]
        return "\n\n".join(told)


def _standing(duty: Duty) -> Progress:
    """Return how far a duty has come; one that was settled and does not get on record is stuck as well."""
    return Progress.STUCK if duty.stuck else duty.progress


def _way_out(duty: Standing) -> str:
    if (said := duty.settlement) is None:
        return "`settle_step` says that it was put right by hand"
    return f"and when it gets through, the record hears that {as_code(said.by)} settled it"


def _as_obeyed(compensation: Compensation) -> Compensation:
    """Return what a command says of itself, as it will be once it is obeyed."""
    return compensation.model_copy(update={"state": "SETTLED" if compensation.settled else "DONE"})
