"""What the stack of `make demo` takes from the shell."""

import os
from pathlib import Path

import pytest

from config import EphemeralStackSettings, Settings
from operations.demo.ephemeral_stack import (
    NOT_EPHEMERAL,
    environment,
    ephemeral_settings,
    free_ports,
)
from operations.up.preflight import read_settings


def test_a_stack_of_its_own_leaves_the_shells_settings_aside(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """It gets its place and no other setting of ours; an invalid one is no trouble."""
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "invalid")
    monkeypatch.setenv("auth_issuer", "in small letters")
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    settings = read_settings(EphemeralStackSettings)
    assert settings.model_fields_set == {"data_dir"}
    with ephemeral_settings(settings) as stack:
        variables = environment(stack)
    ours = {name for name in variables if name.lower() in Settings.model_fields}
    assert ours == {"DATA_DIR", "TEMPORAL_PORT", "TEMPORAL_UI_PORT", "API_PORT"}
    assert variables["DATA_DIR"] == str(tmp_path)
    assert variables["PATH"] == os.environ["PATH"]


def test_a_free_port_becomes_no_connections_while_its_server_starts() -> None:
    """The kernel gives a connection none of the ports from which free ones are chosen."""
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not ephemeral.exists():
        pytest.skip("the ports of connections are told by Linux")
    first, last = map(int, ephemeral.read_text().split())
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(port in NOT_EPHEMERAL and not first <= port <= last for port in ports)
