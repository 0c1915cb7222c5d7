"""What Temporal's sandbox need not import anew for each run of a saga.

Most of a run's imports is making the core's dataclasses and what pydantic derives from them. These
modules declare them, and ask neither clock nor chance; the code that decides is imported anew.
"""

DECLARATIONS = (
    "temporal_saga.call",
    "temporal_saga.call_state",
    "temporal_saga.carry_over",
    "temporal_saga.decisions",
    "temporal_saga.failure",
    "temporal_saga.keys",
    "temporal_saga.memo",
    "temporal_saga.plan",
    "temporal_saga.policy",
    "temporal_saga.record",
    "temporal_saga.state",
    "temporal_saga.step_names",
    "temporal_saga.trouble",
)
"""With every module of the core that one of them imports, so that none is there twice."""
