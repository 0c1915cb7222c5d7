"""What the saga knows of its order, and sends to the order service at the end."""

from datetime import datetime
from typing import Any

from temporalio import workflow

from contracts.carry_over import CarriedRecord
from contracts.order import CancelOrderCommand, ConfirmOrderCommand, OrderCancelledEvent
from contracts.placing import DraftOrder, PlaceOrder
from contracts.record import Compensation, Failure, Settlement
from contracts.states import LEGAL_MOVES, SagaState, StateMove
from contracts.steps import OPENING, command_of
from temporal_saga import failure as core
from temporal_saga.call_state import CallState, Progress
from temporal_saga.retriables import Snapshot
from workflows.decisions import DecisionLog
from workflows.shown import Shown, show, show_details


class Record:
    """The order of one saga, the moves it made, and why it failed if it did."""

    def __init__(self, order_id: str | None) -> None:
        """Begin with an order of which at most the id is known; None where there is none."""
        self._snapshot = Snapshot()
        self._moves: list[StateMove] = []
        self._moves_of_this_run = 0
        self._last_details: Shown | None = None
        self.order_id = order_id
        self.order: DraftOrder = DraftOrder()
        self.request_key: str | None = None
        self.again_of: str | None = None
        self.failure: Failure | None = None
        self.decisions = DecisionLog()
        self.placed_at = workflow.info().workflow_start_time

    def carry_over(self) -> dict[str, Any]:
        """Return as JSON what the saga's next run needs to know."""
        return CarriedRecord(
            placed_at=self.placed_at,
            moves=tuple(self._moves),
            failure=self.failure,
            decisions=self.decisions.carry_over(),
        ).model_dump(mode="json")

    def go_on_from(self, carry_over: dict[str, Any]) -> None:
        """Go on from where the run before had come; its moves are not made again."""
        before = CarriedRecord.model_validate(carry_over)
        self.placed_at = before.placed_at
        self._moves = list(before.moves)
        self.failure = before.failure
        self.decisions.go_on_from(before.decisions)

    @property
    def state(self) -> SagaState | None:
        """Where the saga stands; None before its first move."""
        return self._moves[-1].state if self._moves else None

    def since(self, state: SagaState) -> datetime:
        """Return when the saga entered a state first, in whichever of its runs (UTC)."""
        return next(move.at for move in self._moves if move.state is state)

    def open(self, order: DraftOrder, request_key: str | None) -> None:
        """Note what was ordered: the state is PENDING."""
        self.order = order
        self.request_key = request_key
        self.move(SagaState.PENDING, "start")

    def move(self, state: SagaState, cause: str) -> None:
        """Enter a state, because of an event, and show it.

        Raises:
            ValueError: the move is not legal; a defect, which leaves the run open until a corrected
                worker takes it up.
        """
        place = self._moves_of_this_run
        self._moves_of_this_run += 1
        made_before = place < len(self._moves) and self._moves[place].state is state
        if not made_before:
            if state not in LEGAL_MOVES[self.state]:
                raise ValueError(f"{self.state} → {state} is no legal move")
            self._moves.append(StateMove(state=state, cause=cause, at=workflow.now()))
        self._show()

    def rolling_back(self, failure: core.Failure) -> None:
        """Note why the saga fails, and start rolling back."""
        if self.state is None:
            self.move(SagaState.PENDING, "start")
        if self.failure is None:
            self.failure = Failure.model_validate(vars(failure))
            self.move(SagaState.ROLLING_BACK, self.failure.event or self.failure.reason)
        self._moves_of_this_run = len(self._moves)

    def rolled_back(self) -> None:
        """Enter FAILED."""
        self.move(SagaState.FAILED, OrderCancelledEvent.__name__)

    def completed(self) -> None:
        """Enter COMPLETED, from wherever the story has come."""
        for state in (SagaState.PENDING, SagaState.PAYMENT_COMPLETED, SagaState.COMPLETED):
            if state in LEGAL_MOVES[self.state]:
                self.move(state, OPENING.event)

    def follow(self, snapshot: Snapshot) -> None:
        """Show what the saga's calls have come to; a rollback is stuck as long as any of it is."""
        self._snapshot = snapshot
        if snapshot.changed_call is None:
            show_details(self._details)
            return
        cause = f"{command_of(snapshot.changed_call.name)} {snapshot.changed_call.shown_progress}"
        is_stuck = snapshot.rolls_back and bool(snapshot.stuck_calls)
        if is_stuck and self.state is SagaState.ROLLING_BACK:
            self.move(SagaState.ROLLBACK_STUCK, cause)
        elif not is_stuck and self.state is SagaState.ROLLBACK_STUCK:
            self.move(SagaState.ROLLING_BACK, cause)
        else:
            self._show()

    def confirm_command(self, *, idempotency_key: str) -> ConfirmOrderCommand:
        """Return the command that closes the order's record as CONFIRMED, and who settled it."""
        settlements = tuple(_as_completed(c) for c in self.compensations() if c.settled)
        return ConfirmOrderCommand(
            idempotency_key=idempotency_key,
            order_id=self._id,
            moves=tuple(self._moves),
            compensations=settlements,
            decisions=self.decisions.decisions,
            decisions_left_out=self.decisions.left_out,
        )

    def cancel_command(self, *, idempotency_key: str) -> CancelOrderCommand:
        """Return the command that closes the record as CANCELLED; it is its last compensation."""
        assert self.failure is not None, "an order is only cancelled for a reason"
        compensations = [
            _as_completed(c) if c.step == OPENING.name else c for c in self.compensations()
        ]
        moves = list(self._moves)
        if self.state is SagaState.ROLLBACK_STUCK:  # no longer, once this command is done
            cause = f"{compensations[-1].command} {compensations[-1].state}"
            moves.append(StateMove(state=SagaState.ROLLING_BACK, cause=cause, at=workflow.now()))
        return CancelOrderCommand(
            idempotency_key=idempotency_key,
            order_id=self._id,
            placed_at=self.placed_at,
            order=self.order,
            order_fingerprint=self.order.fingerprint(),
            request_key=self.request_key,
            again_of=self.again_of,
            failure=self.failure,
            compensations=tuple(compensations),
            moves=tuple(moves),
            decisions=self.decisions.decisions,
            decisions_left_out=self.decisions.left_out,
        )

    def compensations(self) -> tuple[Compensation, ...]:
        """Return what is taken back, in order; without a rollback, what is stuck or was settled."""
        return tuple(map(_compensation, self._snapshot.shown_calls))

    def settlements(self) -> list[dict[str, Any]]:
        """Return as JSON what persons settled by hand, and at which step."""
        calls = [call for call in self._snapshot.calls if call.progress is Progress.SETTLED]
        return [
            {"step": call.step, **settlement.model_dump(mode="json")}
            for call in calls
            if (settlement := _settlement(call)) is not None
        ]

    def status(self) -> dict[str, Any]:
        """Return the saga's part of an OrderView as JSON."""
        return {
            "order_id": self.order_id,
            "state": self.state,
            "customer_id": self.order.customer_id,
            "currency": self.order.currency,
            "total_minor": self.order.total_minor,
            "needs_attention": bool(self._snapshot.stuck_calls),
            "failure": self.failure and self.failure.model_dump(mode="json"),
            "compensations": [c.model_dump(mode="json") for c in self.compensations()],
            "moves": [move.model_dump(mode="json") for move in self._moves],
        }

    @property
    def id_and_order(self) -> tuple[str, PlaceOrder]:
        """The order's id, and the order that was placed under it."""
        assert isinstance(self.order, PlaceOrder), "an unparsable order has no steps"
        return self._id, self.order

    @property
    def _id(self) -> str:
        assert self.order_id is not None, "commands are only sent for an order that has an id"
        return self.order_id

    def _show(self) -> None:
        """Show how the order stands, where that differs from what was shown last."""
        if (details := self._details) != self._last_details:
            self._last_details = details
            show(details)

    @property
    def _details(self) -> Shown:
        stuck_calls = self._snapshot.stuck_calls
        return Shown(self.state, self.order, self.failure, self.compensations(), stuck_calls)


def _compensation(call: CallState) -> Compensation:
    event = call.answer or {}
    answer = {name: event[name] for name in event if name not in ("event", "order_id")}
    is_told = bool(answer) and call.settlement is None
    return Compensation(
        step=call.step,
        command=command_of(call.name),
        state=call.shown_progress.value,
        settled=_settlement(call),
        answer=answer if is_told else None,
        answered_at=call.answered_at if is_told else None,
    )


def _settlement(call: CallState) -> Settlement | None:
    return Settlement.model_validate(vars(call.settlement)) if call.settlement else None


def _as_completed(compensation: Compensation) -> Compensation:
    """Return a command's own entry, marked as it will stand on its acknowledgement."""
    return compensation.model_copy(update={"state": "SETTLED" if compensation.settled else "DONE"})
