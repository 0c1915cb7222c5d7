"""Temporal's command line, as whoever reads a sentence of ours can type it."""

import shlex

from temporalio.envconfig import ClientConfig

CLI = ".venv/bin/temporal"
"""From the project's folder, where `make install` puts it."""


def temporal_command(arguments: str) -> str:
    """Return a command to the server that this process asks, where it is told which that is."""
    server = ClientConfig.load_client_connect_config()
    words = [CLI, arguments]
    if address := server.get("target_host"):
        words.append(f"--address {shlex.quote(address)}")
    if namespace := server.get("namespace"):
        words.append(f"--namespace {shlex.quote(namespace)}")
    return " ".join(words)
