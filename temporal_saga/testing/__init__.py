"""Scripts for sagas: given, expect command, answer, expect compensation.

A `Script` runs one saga on a real Temporal server and plays everybody whom the saga sends commands
to. It is a fake at the participants' door: the orchestrator, its worker and its sandbox are the
real ones. A test reads like the saga's story::

    await script.start({"customer_id": "17850", ...})
    await script.expect(ReserveSeatCommand, seat="12A")
    script.answer(SeatReservedEvent(...))
    await script.expect(ChargeCommand)
    script.answer(ChargeDeclinedEvent(...))
    await script.expect_compensation(FreeSeatCommand, of=ReserveSeatCommand)
    script.answer(SeatFreedEvent(...))
    failure = await script.failed()
"""

from temporal_saga.testing.histories import ENDED, SCHEDULED, fails_for_good
from temporal_saga.testing.participants import Closed, Participants, Sent, command_name
from temporal_saga.testing.script import PATIENCE, Script

__all__ = [
    "ENDED",
    "PATIENCE",
    "SCHEDULED",
    "Closed",
    "Participants",
    "Script",
    "Sent",
    "command_name",
    "fails_for_good",
]
