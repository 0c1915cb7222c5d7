"""What is checked before a system starts: it starts, or says in one sentence why it cannot."""

import errno
import socket
from contextlib import ExitStack

from pydantic import ValidationError

from config import Settings, explain
from operations.up.card_account import has_card_provider
from operations.up.temporal_server import temporal_binary


class CannotStart(Exception):
    """Something outside the system keeps it from starting; the message says what to do."""


def read_settings(kind: type[Settings] = Settings) -> Settings:
    """Return the settings of the environment, as far as this kind of settings reads it.

    Raises:
        CannotStart: one of them is invalid, or there is no Temporal to run.
    """
    try:
        settings = kind()
        temporal_binary()
    except ValidationError as error:
        raise CannotStart(explain(error)) from error
    except FileNotFoundError as error:
        raise CannotStart(str(error)) from error
    return settings


def check_layout(settings: Settings) -> None:
    """Find that the workers can run as they are to.

    Raises:
        CannotStart: steps are to be tried in the orchestrator's process, and are in others.
    """
    if settings.local_activities == "on" and settings.worker_processes != "one":
        raise CannotStart(
            "LOCAL_ACTIVITIES=on needs the participants in the orchestrator's own process: "
            "set WORKER_PROCESSES=one, or LOCAL_ACTIVITIES=off"
        )


def check_ports(settings: Settings) -> None:
    """Find every port free.

    Raises:
        CannotStart: one is taken.
    """
    addresses = {
        "TEMPORAL_PORT": ("127.0.0.1", settings.temporal_port),
        "TEMPORAL_UI_PORT": ("127.0.0.1", settings.temporal_ui_port),
        "API_PORT": (settings.api_host, settings.api_port),
    }
    if has_card_provider(settings):
        addresses["CARD_PROVIDER_PORT"] = ("127.0.0.1", settings.card_provider_port)
        addresses["CARD_CONTROL_PORT"] = ("127.0.0.1", settings.card_control_port)
    with ExitStack() as listeners:  # all at once, so that two of ours do not get the same port
        for variable, (host, port) in addresses.items():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                listeners.enter_context(socket.create_server((host, port), family=family))
            except OSError as error:
                is_taken = error.errno == errno.EADDRINUSE
                why = "is taken" if is_taken else f"cannot be used ({error.strerror})"
                raise CannotStart(
                    f"port {port} on {host} {why}: free it, or choose another port with {variable}"
                ) from error
