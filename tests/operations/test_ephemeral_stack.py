"""What the stack of `make demo` takes from the shell."""

import os
from pathlib import Path

import pytest

from config import EphemeralStackSettings, Settings
from operations.demo.ephemeral_stack import environment, ephemeral_settings
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
