"""What a participant's author writes to charge cards at the bank: events, and one class."""

from dataclasses import dataclass

from pydantic import BaseModel

from temporal_saga.provider import (
    Declined,
    Done,
    Intent,
    Outcome,
    Pending,
    Prepared,
    TakenBack,
)
from tests.temporal_saga.bank import Bank, Charge, Kind
from tests.temporal_saga.fenced_participant import Ask


class Charged(BaseModel):
    """The money is there; only the bank knows the charge's id."""

    charge_id: str
    amount: int


class CardDeclined(BaseModel):
    """The bank said no."""

    reason: str = "card_declined"


class CustomerMustAct(BaseModel):
    """The bank waits for the customer."""

    charge_id: str


class MoneyBack(BaseModel):
    """So much was given back."""

    amount: int


BankOutcome = Outcome[CustomerMustAct, Charged, CardDeclined]


@dataclass(frozen=True)
class CardCharge:
    """One command at the bank: what a participant's author writes."""

    bank: Bank
    command: Ask

    def look_up(self, intent: Intent) -> BankOutcome | None:
        """Find the charge."""
        charge = self.bank.find(intent.reference, intent.key)
        return None if charge is None else _outcome(charge)

    def call(self, intent: Intent) -> BankOutcome:
        """Create the charge, or confirm it."""
        if intent.reference is not None:
            return _outcome(self.bank.confirm(intent.reference))
        return _outcome(self.bank.create(intent.key, self.command.count))

    def take_back(self, intent: Intent, outcome: BankOutcome | None) -> MoneyBack | None:
        """Refund or cancel what is there; close the key of what is not, where the bank can."""
        if isinstance(outcome, Declined):
            return MoneyBack(amount=0)
        charge_id = outcome.reference if outcome is not None else self._close(intent.key)
        if charge_id is not None:
            charge = self.bank.undo(charge_id, intent.compensation_key)
            return MoneyBack(amount=charge.refund)
        return None if self.bank.kind is Kind.PLAIN else MoneyBack(amount=0)

    def _close(self, key: str) -> str | None:
        """Return the charge that a late call would meet."""
        if self.bank.kind is Kind.TWO_PHASE:
            return self.bank.create(key, self.command.count).id
        charge = self.bank.close(key) if self.bank.kind is Kind.CLOSING else None
        return charge.id if charge is not None else None


def _outcome(charge: Charge) -> BankOutcome:
    match charge.status:
        case "PREPARED":
            return Prepared(charge.id)
        case "PENDING":
            return Pending(CustomerMustAct(charge_id=charge.id), charge.id)
        case "DECLINED":
            return Declined(CardDeclined(), charge.id)
        case "CHARGED" if not charge.refund:
            return Done(Charged(charge_id=charge.id, amount=charge.amount), charge.id)
    return TakenBack(charge.id)
