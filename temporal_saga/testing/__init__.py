"""Scripts for sagas: given, expect command, answer, expect compensation.

Needs `temporal-saga[workflow]`, and a Temporal server.

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

from temporal_saga.extras import needs

with needs("workflow"):
    from temporal_saga.testing.script import Script

__all__ = ["Script"]
