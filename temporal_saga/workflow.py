"""The workflow half: what a saga is written with.

Needs `temporal-saga[workflow]`: Temporal's SDK and pydantic, and no database::

    async with OnRecord(saga, closing) as record:
        await record.open(opening, then=(payment,))
        await saga.step(*payment)
        saga.pivot()
"""

from temporal_saga.extras import needs

with needs("workflow"):
    from temporal_saga.branch import Branch
    from temporal_saga.call import Call
    from temporal_saga.call_state import Settlement
    from temporal_saga.failure import Failure
    from temporal_saga.on_record import OnRecord
    from temporal_saga.policy import Policy
    from temporal_saga.record import Closing, Opening
    from temporal_saga.saga import Saga

__all__ = [
    "Branch",
    "Call",
    "Closing",
    "Failure",
    "OnRecord",
    "Opening",
    "Policy",
    "Saga",
    "Settlement",
]
