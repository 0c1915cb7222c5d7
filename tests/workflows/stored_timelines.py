"""The story of each stored history, in order."""

from tests.workflows.stored_stories import SHORT

REGISTERED = ["state PENDING", "command RegisterOrderCommand", "event OrderRegisteredEvent"]
PAID = [
    *REGISTERED,
    "command ProcessPaymentCommand",
    "event PaymentCompletedEvent",
    "state PAYMENT_COMPLETED",
]
TAKEN = [*PAID, "command DecreaseStockCommand", "event StockDecreasedEvent", "state COMPLETED"]
CONFIRMED = [*TAKEN, "command ConfirmOrderCommand", "event OrderConfirmedEvent"]
REFUNDED = ["command RefundPaymentCommand", "event PaymentRefundedEvent"]
CANCELLED = ["command CancelOrderCommand", "event OrderCancelledEvent", "state FAILED"]
STUCK = [
    *REGISTERED,
    "command ProcessPaymentCommand",
    "decision cancel",
    "event PaymentCompletedEvent",
    "state PAYMENT_COMPLETED",
    "state ROLLING_BACK",
    "command RefundPaymentCommand",
    "note RefundPaymentCommand failed",
    "state ROLLBACK_STUCK",
]

TIMELINES = {
    "completed": CONFIRMED,
    "completed_over_http": CONFIRMED,
    "payment_refused": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "event PaymentFailedEvent",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "out_of_stock": [
        *PAID,
        "command DecreaseStockCommand",
        "event StockDecreaseFailedEvent",
        "state ROLLING_BACK",
        *REFUNDED,
        *CANCELLED,
    ],
    "cancelled_by_signal": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "decision cancel",
        "event PaymentCompletedEvent",
        "state PAYMENT_COMPLETED",
        "state ROLLING_BACK",
        *REFUNDED,
        *CANCELLED,
    ],
    "cancelled_by_temporal": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "event PaymentCompletedEvent",
        "decision cancel",
        "state PAYMENT_COMPLETED",
        "state ROLLING_BACK",
        "command RefundPaymentCommand",
        "event PaymentRefundedEvent",
        *CANCELLED,
    ],
    "invalid_start": ["state PENDING", "state ROLLING_BACK", *CANCELLED],
    "step_unavailable": [
        *PAID,
        "command DecreaseStockCommand",
        "note DecreaseStockCommand failed",
        "state ROLLING_BACK",
        "command RestoreStockCommand",
        "event StockRestoredEvent",
        *REFUNDED,
        *CANCELLED,
    ],
    "approved": [
        *REGISTERED,
        "state AWAITING_REVIEW",
        "decision request_approve",
        "state PENDING",
        *CONFIRMED[3:],
    ],
    "rejected": [
        *REGISTERED,
        "state AWAITING_REVIEW",
        "decision reject",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "review_expired": [*REGISTERED, "state AWAITING_REVIEW", "state ROLLING_BACK", *CANCELLED],
    "settled": [*STUCK, "decision request_settle_step", "state ROLLING_BACK", *CANCELLED],
    "stuck_and_retried": [
        *STUCK,
        "decision retry_step",
        "command RefundPaymentCommand",
        "event PaymentRefundedEvent",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "confirm_stuck_and_settled": [
        *TAKEN,
        "command ConfirmOrderCommand",
        "note ConfirmOrderCommand failed",
        "decision request_settle_step",
        *CONFIRMED[-2:],
    ],
    "cancel_stuck_and_settled": [
        *REGISTERED,
        "command ProcessPaymentCommand",
        "decision cancel",
        "event PaymentCompletedEvent",
        "state PAYMENT_COMPLETED",
        "state ROLLING_BACK",
        *REFUNDED,
        "command CancelOrderCommand",
        "note CancelOrderCommand failed",
        "state ROLLBACK_STUCK",
        "decision settle_step",
        "state ROLLING_BACK",
        *CANCELLED,
    ],
    "earlier_run_found": [
        "state PENDING",
        "command RegisterOrderCommand",
        "note RegisterOrderCommand failed",
        "command RegisterOrderCommand",
        "event OrderRegisteredEvent",
        "state ROLLING_BACK",
        "command RestoreStockCommand",
        "event StockRestoredEvent",
        *REFUNDED,
        *CANCELLED,
    ],
    "settled_before_a_reset": [
        "note reset from outside",
        "decision cancel",
        "decision request_settle_step",
        *REGISTERED,
        "command RegisterOrderCommand",
        "event OrderRegisteredEvent",
        "state ROLLING_BACK",
        "command RestoreStockCommand",
        "event StockRestoredEvent",
        *CANCELLED,
    ],
}
PAID_ORDINARILY = [
    *REGISTERED,
    "command ProcessPaymentCommand",
    "note ProcessPaymentCommand failed",
    *CONFIRMED[3:],
]
"""What a local try does not come to is a failure, and the same command again."""

SENT_WHILE_IN_REVIEW = [*REGISTERED, "state AWAITING_REVIEW", *["decision no_such_act"] * SHORT]
APPROVED_LATER = [
    "state AWAITING_REVIEW",
    "decision approve",
    "state PENDING",
    *CONFIRMED[3:],
]
TIMELINES |= {
    "completed_locally": CONFIRMED,
    "out_of_stock_locally": TIMELINES["out_of_stock"],
    "payment_away_locally": PAID_ORDINARILY,
    "participants_gone_locally": PAID_ORDINARILY,
    "continued_1": SENT_WHILE_IN_REVIEW,
    "continued_2": APPROVED_LATER,
    "continued_locally_1": SENT_WHILE_IN_REVIEW,
    "continued_locally_2": APPROVED_LATER,
}
