"""The participant half: how a service takes each command once, and never after its compensation.

Needs `temporal-saga[participant]`: SQLAlchemy, and nothing of Temporal; a worker that serves the
handlers needs `temporal-saga[workflow]` as well. Commands and answers are pydantic models, or
whatever has the same two methods.
"""

from temporal_saga.extras import needs

with needs("participant"):
    from temporal_saga.database import open_database
    from temporal_saga.fence import Fence, FenceError
    from temporal_saga.provider_fence import ProviderFence

__all__ = ["Fence", "FenceError", "ProviderFence", "open_database"]
