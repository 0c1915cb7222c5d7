"""What Temporal needs to know of our words: activity stubs, task queues, search attributes.

A stub types an activity without its implementation: workflows call it by name, and a wrong command
fails mypy.
"""

from temporalio import activity
from temporalio.common import SearchAttributeKey

from contracts.order import (
    CancelOrderCommand,
    ConfirmOrderCommand,
    OrderCancelledEvent,
    OrderConfirmedEvent,
    OrderRegisteredEvent,
    OrderRejectedEvent,
    RegisterOrderCommand,
)
from contracts.payment import (
    CapturePaymentCommand,
    DepositMoneyCommand,
    DepositRefusedEvent,
    MoneyDepositedEvent,
    OpenWalletsCommand,
    PaymentActionRequiredEvent,
    PaymentCapturedEvent,
    PaymentCompletedEvent,
    PaymentRefundedEvent,
    ProcessPaymentCommand,
    RefundPaymentCommand,
    WalletsOpenedEvent,
)
from contracts.stock import (
    DecreaseStockCommand,
    MoveStockCommand,
    OfferProductsCommand,
    ProductsOfferedEvent,
    RestoreStockCommand,
    StockDecreasedEvent,
    StockMovedEvent,
    StockMovementRefusedEvent,
    StockRestoredEvent,
)

WORKFLOW_TYPE = "OrderSaga"
ORCHESTRATOR_QUEUE = "order-saga"
ORDER_QUEUE = "order"
PAYMENT_QUEUE = "payment"
STOCK_QUEUE = "stock"

SAGA_STATE = SearchAttributeKey.for_keyword("SagaState")
CUSTOMER_ID = SearchAttributeKey.for_keyword("CustomerId")
FAILURE_REASON = SearchAttributeKey.for_keyword("FailureReason")
NEEDS_ATTENTION = SearchAttributeKey.for_bool("NeedsAttention")
ORDER_TOTAL_MINOR = SearchAttributeKey.for_int("OrderTotalMinor")
SEARCH_ATTRIBUTES = (SAGA_STATE, CUSTOMER_ID, FAILURE_REASON, NEEDS_ATTENTION, ORDER_TOTAL_MINOR)

PAYMENT_ANSWERED = "payment_answered"
"""The signal, without content, that the customer has answered their bank: the saga asks at once."""

WEDGED_AFTER = 3
"""From this attempt of its workflow task on, a saga counts as wedged; a task may fail once when its
worker is shut down."""

MEMO_FINGERPRINT = "fingerprint"
MEMO_REQUEST_KEY = "request_key"
MEMO_AGAIN_OF = "again_of"


@activity.defn(name="RegisterOrder")
def register_order(command: RegisterOrderCommand) -> OrderRegisteredEvent:
    """Open the order."""
    raise NotImplementedError


@activity.defn(name="CancelOrder")
def cancel_order(command: CancelOrderCommand) -> OrderCancelledEvent | OrderRejectedEvent:
    """Close the order as CANCELLED; an order that belongs to somebody else is left alone."""
    raise NotImplementedError


@activity.defn(name="ConfirmOrder")
def confirm_order(command: ConfirmOrderCommand) -> OrderConfirmedEvent:
    """Close the order as CONFIRMED."""
    raise NotImplementedError


@activity.defn(name="ProcessPayment")
def process_payment(
    command: ProcessPaymentCommand,
) -> PaymentCompletedEvent | PaymentActionRequiredEvent:
    """Charge the customer, or hold the money on their card."""
    raise NotImplementedError


@activity.defn(name="CapturePayment")
def capture_payment(command: CapturePaymentCommand) -> PaymentCapturedEvent:
    """Take the money that is held."""
    raise NotImplementedError


@activity.defn(name="RefundPayment")
def refund_payment(command: RefundPaymentCommand) -> PaymentRefundedEvent:
    """Take the charge back."""
    raise NotImplementedError


@activity.defn(name="DecreaseStock")
def decrease_stock(command: DecreaseStockCommand) -> StockDecreasedEvent:
    """Take the lines from stock."""
    raise NotImplementedError


@activity.defn(name="RestoreStock")
def restore_stock(command: RestoreStockCommand) -> StockRestoredEvent:
    """Put the lines back."""
    raise NotImplementedError


# What the shop's own people ask for, outside of any order's saga.


@activity.defn(name="OfferProducts")
def offer_products(command: OfferProductsCommand) -> ProductsOfferedEvent:
    """Add products that are new, and give the others their names and prices."""
    raise NotImplementedError


@activity.defn(name="MoveStock")
def move_stock(command: MoveStockCommand) -> StockMovedEvent | StockMovementRefusedEvent:
    """Take a delivery in, or pieces out that no order took."""
    raise NotImplementedError


@activity.defn(name="OpenWallets")
def open_wallets(command: OpenWalletsCommand) -> WalletsOpenedEvent:
    """Open the wallets that are not open yet."""
    raise NotImplementedError


@activity.defn(name="DepositMoney")
def deposit_money(command: DepositMoneyCommand) -> MoneyDepositedEvent | DepositRefusedEvent:
    """Put money into a wallet, or take a deposit back."""
    raise NotImplementedError
