"""Settings from the environment; nothing else reads our environment variables.

Temporal's own `TEMPORAL_*` variables and profiles are read by `temporalio.envconfig`, as for every
Temporal client (`temporal.py`).
"""

from config.reading import explain, read_settings
from config.settings import DemoSettings, EphemeralStackSettings, Settings
from config.temporal import client_options, is_on_this_machine, temporal_address
from config.values import LOOPBACK

__all__ = [
    "LOOPBACK",
    "DemoSettings",
    "EphemeralStackSettings",
    "Settings",
    "client_options",
    "explain",
    "is_on_this_machine",
    "read_settings",
    "temporal_address",
]
