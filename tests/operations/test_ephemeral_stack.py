"""What the stack of `make demo` takes from the shell."""

import os
from pathlib import Path

import pytest

from config import DemoSettings, EphemeralStackSettings, Settings
from operations.demo.ephemeral_stack import (
    NOT_EPHEMERAL,
    environment,
    ephemeral_settings,
    free_ports,
)
from operations.up.card_account import has_card_provider, with_card_provider
from operations.up.card_account import variables as variables_of_parts
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


def test_a_demo_by_card_gets_a_card_provider_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its ports are free ones; the account of another system that the shell names is left alone."""
    for name in ("CARD_API_KEY", "CARD_API_URL", "CARD_WEBHOOK_SECRET", "CARD_PROVIDER_PORT"):
        monkeypatch.setenv(name, "12111")
    monkeypatch.setenv("PAYMENT", "cards")
    assert "payment" not in EphemeralStackSettings(data_dir=tmp_path).model_fields_set
    with ephemeral_settings(DemoSettings(data_dir=tmp_path)) as stack:
        variables = environment(stack)
        complete_settings = with_card_provider(stack)
    card_variables = {name for name in variables if name.startswith(("CARD_", "PAYMENT"))}
    assert card_variables == {"PAYMENT", "CARD_PROVIDER_PORT", "CARD_CONTROL_PORT"}
    assert has_card_provider(complete_settings)
    assert complete_settings.card_provider_port != 12111
    assert complete_settings.card_api_url.endswith(f":{complete_settings.card_provider_port}")


def test_an_account_elsewhere_is_used_and_no_provider_run() -> None:
    """With a key of one's own nothing is put in its place; wallets need neither."""
    for values in ({"payment": "cards", "card_api_key": "sk_test_shop"}, {"payment": "wallets"}):
        settings = Settings.model_validate(values)
        assert with_card_provider(settings) == settings
        assert not has_card_provider(settings)
        assert variables_of_parts(settings) == {}


def test_a_free_port_becomes_no_connections_while_its_server_starts() -> None:
    """The kernel gives a connection none of the ports from which free ones are chosen."""
    ephemeral = Path("/proc/sys/net/ipv4/ip_local_port_range")
    if not ephemeral.exists():
        pytest.skip("the ports of connections are told by Linux")
    first, last = map(int, ephemeral.read_text().split())
    ports = free_ports(3)
    assert len(set(ports)) == 3
    assert all(port in NOT_EPHEMERAL and not first <= port <= last for port in ports)
