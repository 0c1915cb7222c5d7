"""A provider with books of its own.

It is honest about its books. How it behaves on the wire is the test's matter: `wire` decides of
each request whether it is answered, whether the answer is lost, or whether it arrives late.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeVar

from pydantic import BaseModel

from temporal_saga.fence import Refused

T = TypeVar("T")


class DisputeOpen(BaseModel):
    """The bank does not refund now."""

    reason: str = "dispute"


class Kind(StrEnum):
    """What help a bank gives against late calls."""

    PLAIN = "plain"  # none: a call takes effect whenever it arrives
    CLOSING = "closing"  # a key can be closed of which nothing is known
    TWO_PHASE = "two phases"  # a charge is created without effect, then confirmed


class Wire(StrEnum):
    """What becomes of a request."""

    ANSWERED = "answered"
    UNANSWERED = "unanswered"  # it takes effect, and the answer is lost
    LATE = "late"  # the caller gives up, and then it takes effect
    UNSENT = "unsent"  # it never arrives


@dataclass(frozen=True)
class Charge:
    """One charge in the bank's books."""

    id: str
    key: str
    amount: int
    status: str
    refund: int = 0


@dataclass
class Bank:
    """Charges cards, each under an idempotency key.

    Args:
        kind: what help it gives.
        verdict: the status that a charge gets when it takes effect: CHARGED, DECLINED or PENDING.
        refunds: whether it gives money back.
        sees: whether a look-up by key finds anything, which on real banks takes a while.
        wire: asked of each request by its name; may wait, raise, or let others go first.
    """

    kind: Kind = Kind.PLAIN
    verdict: str = "CHARGED"
    refunds: bool = True
    sees: bool = True
    wire: Callable[[str], Wire] = lambda _name: Wire.ANSWERED
    charges: dict[str, Charge] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    closed_keys: set[str] = field(default_factory=set)
    on_the_way: list[Callable[[], object]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def net(self) -> int:
        """What customers are charged in all, less what they got back."""
        charges = [charge for charge in self.charges.values() if charge.status == "CHARGED"]
        return sum(charge.amount - charge.refund for charge in charges)

    def find(self, charge_id: str | None, key: str) -> Charge | None:
        """Return a charge by its id, or else by the key that it was made under."""

        def find() -> Charge | None:
            if charge_id is not None:
                return self.charges.get(charge_id)
            charges = [charge for charge in self.charges.values() if charge.key == key]
            return charges[-1] if charges and self.sees else None

        return self._serve("find", find)

    def create(self, key: str, amount: int) -> Charge:
        """Charge, or in two phases only prepare to; under a known key return what is there."""

        def create() -> Charge:
            if key in self.closed_keys:
                raise ConnectionRefusedError(f"{key} is closed")
            if key not in self.keys:
                status = "PREPARED" if self.kind is Kind.TWO_PHASE else self.verdict
                charge = Charge(f"ch_{len(self.charges) + 1}", key, amount, status)
                self.keys[key] = charge.id
                self.charges[charge.id] = charge
            return self.charges[self.keys[key]]

        return self._serve("create", create)

    def confirm(self, charge_id: str) -> Charge:
        """Let a prepared charge take effect, once."""

        def confirm() -> Charge:
            charge = self.charges[charge_id]
            if charge.status == "CANCELED":
                raise ConnectionRefusedError(f"{charge_id} is canceled")
            if charge.status == "PREPARED":
                self.charges[charge_id] = replace(charge, status=self.verdict)
            return self.charges[charge_id]

        return self._serve("confirm", confirm)

    def undo(self, charge_id: str, key: str) -> Charge:
        """Give back what was charged, or cancel what was not; a repetition changes nothing.

        Raises:
            Refused: money is not given back now.
        """

        def undo() -> Charge:
            charge = self.charges[charge_id]
            if charge.status == "CHARGED" and not self.refunds:
                raise Refused(DisputeOpen())
            if charge.status == "CHARGED":
                self.charges[charge_id] = replace(charge, refund=charge.amount)
            elif charge.status != "DECLINED":
                self.charges[charge_id] = replace(charge, status="CANCELED")
            return self.charges[charge_id]

        return self._serve(f"undo {key}", undo)

    def close(self, key: str) -> Charge | None:
        """Let nothing be created under this key any more; return what was."""

        def close() -> Charge | None:
            if key in self.keys:
                return self.charges[self.keys[key]]
            self.closed_keys.add(key)
            return None

        return self._serve("close", close)

    def customer_acts(self) -> None:
        """Let every charge that waits for its customer take effect."""
        for charge in self.charges.values():
            if charge.status == "PENDING":
                self.charges[charge.id] = replace(charge, status="CHARGED")

    def forget_keys(self) -> None:
        """Forget which keys were used, as after a day."""
        self.keys.clear()

    def land(self) -> None:
        """Let the requests arrive that are late."""
        while self.on_the_way:
            request = self.on_the_way.pop()
            with suppress(ConnectionRefusedError, Refused):  # nobody listens any more
                request()

    def _serve(self, name: str, request: Callable[[], T]) -> T:
        mode = self.wire(name)
        if mode is Wire.UNSENT:
            raise ConnectionRefusedError(name)
        with self.lock:
            if mode is Wire.LATE:
                self.on_the_way.append(request)
                raise TimeoutError(name)
            self.requests.append(name)
            answer = request()
        if mode is Wire.UNANSWERED:
            raise ConnectionResetError(name)
        return answer
