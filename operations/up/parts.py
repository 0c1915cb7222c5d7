"""The parts that `make up` runs as processes: Temporal, workers, the API, a card provider.

The workers are one process with all roles, or one for each role, as WORKER_PROCESSES says.
"""

from collections.abc import Mapping, Sequence

from config import Settings
from contracts.steps import ROLES
from operations.up.card_account import has_card_provider

TEMPORAL = "temporal"
API = "api"
CARDS = "cards"
"""The card provider, in a system that runs one itself."""
WORKERS = "workers"
"""The one process with all roles."""


def worker_parts(settings: Settings) -> Mapping[str, Sequence[str]]:
    """Return by worker's name the roles that it has."""
    if settings.worker_processes == "one":
        return {WORKERS: ROLES}
    return {role: (role,) for role in ROLES}


def parts(settings: Settings) -> frozenset[str]:
    """Return the names of all parts."""
    cards = {CARDS} if has_card_provider(settings) else set()
    return frozenset({TEMPORAL, API, *cards, *worker_parts(settings)})


def part_of(role: str, settings: Settings) -> str:
    """Return the part that has this role."""
    return next(part for part, roles in worker_parts(settings).items() if role in roles)
