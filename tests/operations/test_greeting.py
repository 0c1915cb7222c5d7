"""What `make up` says to try works as it stands, but for a token where one is asked for."""

import shlex
from typing import Any

import pytest

from config import Settings
from operations.up.greeting import greeting
from tests.commands import ORDER
from tests.tokens import AUTHENTICATION

TOKENS: dict[str, Any] = {name.lower(): value for name, value in AUTHENTICATION.items()}


@pytest.mark.parametrize(("values", "has_token"), [({}, False), (TOKENS, True)])
def test_the_first_try_has_a_place_for_a_token_where_one_is_needed(
    values: dict[str, Any], *, has_token: bool
) -> None:
    """Without it the answer would be a 401."""
    settings = Settings(**values)
    [line] = [line for line in greeting(settings, ORDER).splitlines() if "curl" in line]
    assert ("Authorization: Bearer THE_TOKEN" in shlex.split(line)) is has_token
    assert ("API_TOKEN=THE_TOKEN make shop" in greeting(settings, None)) is has_token
