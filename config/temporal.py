"""Where Temporal is, as its own `TEMPORAL_*` variables and profiles say."""

import sys
from urllib.parse import urlsplit

from temporalio.envconfig import ClientConfigProfile, ClientConnectConfig

from config.values import LOOPBACK

DEFAULT_PORT = 7233


def client_options(port: int) -> ClientConnectConfig:
    """Return what the variables and the profile say now, with the contents of the files they name.

    Args:
        port: of this machine's Temporal, when they name no address.
    """
    options = ClientConfigProfile.load().to_client_connect_config()
    options.setdefault("target_host", f"localhost:{port}")
    return options


def temporal_address(port: int = DEFAULT_PORT) -> str:
    """Return the host and port of Temporal, or this machine's port when none is set.

    Raises:
        SystemExit: the variables or the profile are invalid, with a sentence that says why.
    """
    try:
        return client_options(port)["target_host"]
    except Exception as error:  # noqa: BLE001  # whatever it is, no waiting mends a setting
        sys.exit(f"cannot start: TEMPORAL_* or the profile is invalid: {error}")


def is_on_this_machine(address: str) -> bool:
    """Tell whether a host and port lead to no other machine.

    An address that names no host counts as this machine's: connecting to it says what is wrong.
    """
    try:
        host = urlsplit(f"//{address}").hostname
    except ValueError:
        return True
    return not host or host in LOOPBACK or host.startswith("127.")
