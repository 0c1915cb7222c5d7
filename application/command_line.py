"""Temporal's command line, as whoever reads a sentence of ours can type it."""

import os
import shlex

CLI = ".venv/bin/temporal"
"""From the project's folder, where `make install` puts it."""

OPTIONS = {"TEMPORAL_ADDRESS": "--address", "TEMPORAL_NAMESPACE": "--namespace"}
"""By the setting that both read: how it is said to the command where only this process has it."""


def temporal_command(arguments: str) -> str:
    """Return a command, with the server that this process asks if that is not the usual one."""
    words = [CLI, arguments]
    for variable, option in OPTIONS.items():
        if value := os.environ.get(variable):
            words.append(f"{option} {shlex.quote(value)}")
    return " ".join(words)
