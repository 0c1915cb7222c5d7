"""Who takes part: a row for each, in the sequence in which the results show them."""

from bench.contestants.contestant import Contestant
from bench.contestants.dbos import Dbos
from bench.contestants.restate import Restate
from bench.contestants.temporal import PlainTemporal, untuned_server
from bench.contestants.this_system import ThisSystem

BASE = "temporal-tuned"
"""The others' figures are shown as shares of this one's."""

CONTESTANTS: tuple[Contestant, ...] = (
    ThisSystem("up", "this system, as `make up` starts it"),
    ThisSystem(
        "up-separate",
        "this system, each service in a process of its own",
        {"WORKER_PROCESSES": "per_role"},
    ),
    ThisSystem(
        "up-local",
        "this system, with its steps as local activities: the fast way",
        {"LOCAL_ACTIVITIES": "on"},
    ),
    PlainTemporal(
        "temporal-plain",
        "saga written by hand on Temporal's development server as it comes",
        "HandwrittenOrder",
        server=untuned_server,
        environment={},
    ),
    PlainTemporal(BASE, "saga written by hand on this system's tuned server", "HandwrittenOrder"),
    PlainTemporal(
        "temporal-empty",
        "empty workflow on the tuned server: the ceiling",
        "EmptyOrder",
        uses_services=False,
    ),
    Dbos("dbos-sqlite", "DBOS on SQLite", "sqlite"),
    Dbos("dbos-postgresql", "DBOS on PostgreSQL", "postgresql"),
    Restate("restate", "Restate"),
)
