"""What both reports say of a confirmed order whose capture a person settled."""

from collections import Counter

from contracts.record import Compensation
from operations.audit.ledger_reconciliation import Asset, OrderAccount
from operations.reconcile.differences import Kind, differences
from operations.reconcile.join import Account, OrderRow, ProviderPayment, ShopPayment
from tests.shop import EVE, one_settled

MONEY = Asset("payment", "ann", "GBP")
HELD = Asset("payment", "ann, held on a card", "GBP")
SETTLED = Compensation(
    step="CapturePayment", command="CapturePaymentCommand", state="SETTLED", settled=EVE
)


def test_o2_excuses_the_money_of_a_settled_capture() -> None:
    """Its money alone: what is missing of stock is told, and so is a settled refund's money."""
    account = OrderAccount("CONFIRMED", 1530, Counter({MONEY: 1530}), Counter({HELD: 1530}))
    assert len(account.discrepancies()) == 2
    account.settlements["payment"] = SETTLED
    assert account.discrepancies() == []
    account.balance[Asset("stock", "MUG")] = 1
    assert account.discrepancies() == ["is CONFIRMED: 0 × MUG due, 1 × MUG kept"]
    [account.settlements["payment"]] = one_settled("ProcessPayment")
    assert len(account.discrepancies()) == 3


def test_the_provider_s_books_may_differ_from_ours_by_a_settled_capture() -> None:
    """Captured there by hand, and not on record with us: it is told, and not wrong."""
    shop = ShopPayment("7", "pi_1", "GBP", 0, 0)
    payment = ProviderPayment("pi_1", "7", "GBP", held_minor=0, captured_minor=1530)
    for settlement, kind in ((None, Kind.AMOUNT), ("Eve settled it", Kind.SETTLED)):
        order = OrderRow("7", "CONFIRMED", settlement)
        [difference] = differences(Account("7", order, shop, (payment,), ()))
        assert difference.kind == kind
        other_payment = payment._replace(id="pi_2")
        other_shop = shop._replace(captured_minor=1530)
        [difference] = differences(Account("7", order, other_shop, (other_payment,), ()))
        assert difference.kind == Kind.MISSING
