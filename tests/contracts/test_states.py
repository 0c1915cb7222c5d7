from contracts.states import CLOSED, LEGAL_MOVES, SagaState

LEGAL = {
    "start": {"PENDING"},
    "PENDING": {"AWAITING_REVIEW", "AWAITING_CUSTOMER", "PAYMENT_COMPLETED", "ROLLING_BACK"},
    "AWAITING_REVIEW": {"PENDING", "ROLLING_BACK"},
    "AWAITING_CUSTOMER": {"PAYMENT_COMPLETED", "ROLLING_BACK"},
    "PAYMENT_COMPLETED": {"COMPLETED", "ROLLING_BACK"},
    "COMPLETED": set(),
    "ROLLING_BACK": {"ROLLBACK_STUCK", "FAILED"},
    "ROLLBACK_STUCK": {"ROLLING_BACK"},
    "FAILED": set(),
}


def test_the_legal_moves_are_those_of_the_design() -> None:
    """The saga's states, and the moves between them, are exactly those of the design's picture."""
    assert {
        before or "start": {str(after) for after in to} for before, to in LEGAL_MOVES.items()
    } == LEGAL
    assert {None, *SagaState} == LEGAL_MOVES.keys()


def test_every_state_can_be_reached() -> None:
    """From the start there is a way into every state."""
    reachable: set[SagaState | None] = {None}
    while further := {after for before in reachable for after in LEGAL_MOVES[before]} - reachable:
        reachable |= further
    assert reachable == {None, *SagaState}


def test_completed_and_failed_are_final() -> None:
    """Nothing leaves the closed states; every other state has a way to a closed one."""
    assert {"COMPLETED", "FAILED"} == CLOSED
    assert {state for state, to in LEGAL_MOVES.items() if not to} == CLOSED
    closing: set[SagaState | None] = set(CLOSED)
    while further := {state for state, to in LEGAL_MOVES.items() if to & closing} - closing:
        closing |= further
    assert closing == {None, *SagaState}


def test_nothing_turns_back_from_a_rollback() -> None:
    """Once a saga rolls back it never goes on, and once it is completed it never rolls back."""
    after: set[SagaState] = {SagaState.ROLLING_BACK}
    while further := {state for before in after for state in LEGAL_MOVES[before]} - after:
        after |= further
    assert after == {"ROLLING_BACK", "ROLLBACK_STUCK", "FAILED"}
