"""The parts that `make up` runs as processes: Temporal, workers, the API.

The workers are one process with all roles, or one for each role, as WORKER_PROCESSES says.
"""

from collections.abc import Mapping, Sequence

from config import Settings
from contracts.steps import ROLES

TEMPORAL = "temporal"
API = "api"
WORKERS = "workers"
"""The one process with all roles."""


def worker_parts(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Return by worker's name the roles that it has."""
    if settings.worker_processes == "one":
        return {WORKERS: ROLES}
    return {role: (role,) for role in ROLES}


def parts(settings: Settings) -> frozenset[str]:
    """Return the names of all parts."""
    return frozenset({TEMPORAL, API, *worker_parts(settings)})


def part_of(role: str, settings: Settings) -> str:
    """Return the part that has this role."""
    return next(part for part, roles in worker_parts(settings).items() if role in roles)
