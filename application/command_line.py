"""Temporal's command line, as whoever reads a sentence of ours can type it."""

import shlex

from temporalio.envconfig import ClientConfig

WHERE = (
    "temporal is Temporal's command line: after make install it is in .venv/bin; "
    "docs/OPERATING.md says how it is typed elsewhere"
)
"""Stands behind a sentence that has a command in it."""


def temporal_command(arguments: str) -> str:
    """Return a command to the server that this process asks, where it is told which that is."""
    server = ClientConfig.load_client_connect_config()
    words = ["temporal", arguments]
    if address := server.get("target_host"):
        words.append(f"--address {shlex.quote(address)}")
    if namespace := server.get("namespace"):
        words.append(f"--namespace {shlex.quote(namespace)}")
    return " ".join(words)
