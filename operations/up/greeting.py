"""What `make up` says once every part answers: where everything is, and what to try."""

import shlex
from collections.abc import Callable
from pathlib import Path

from config import Settings
from contracts.placing import PlaceOrder
from operations.up.card_account import control_url, has_card_provider
from operations.up.readiness import LATE_SECONDS, api_url, wait_for_all_parts
from operations.up.temporal_server import temporal_command

UP = "the order saga is up"
WAITING = "waiting for "
"""How a part's log says what it waits for."""


async def greet_when_ready(
    settings: Settings, example: PlaceOrder | None, say: Callable[[str], None]
) -> None:
    """Wait until every part answers, and say where everything is; say which parts are late."""

    def say_late(part: str) -> None:
        log = settings.data_dir / "log" / f"{part}.log"
        say(
            f"{part} does not answer after {LATE_SECONDS} s, and is still waited for; "
            f"its log is {log}{_last_wait(log)}"
        )

    await wait_for_all_parts(settings, say_late)
    say(greeting(settings, example))


def greeting(settings: Settings, example: PlaceOrder | None) -> str:
    """Return where everything is, and what to try."""
    url = api_url(settings)
    address = f"127.0.0.1:{settings.temporal_port}"
    return f"""
{UP}
  console            {url}/
  API                {url}
  its documentation  {url}/docs
  Temporal Web UI    {settings.web_ui_url}
{_cards(settings)}{_first_try(settings, example)}
see the sagas that completed
  {temporal_command()} workflow list --address {address} --query 'SagaState="COMPLETED"'
Ctrl-C stops everything; what is in {settings.data_dir} stays
"""


def _cards(settings: Settings) -> str:
    """Return which provider cards are charged at, where customers pay with cards."""
    if settings.payment != "cards":
        return ""
    if not has_card_provider(settings):
        return f"  cards are charged at {settings.card_api_url or 'Stripe'}\n"
    return (
        f"  card provider      {settings.card_api_url}, our own: no card is ever charged "
        f"(docs/CARD-PROVIDER.md)\n  its control API    {control_url(settings)}\n"
    )


def _first_try(settings: Settings, example: PlaceOrder | None) -> str:
    """Return the first thing to do with a shop: order from it, or fill it."""
    needs_token = settings.asks_for_tokens
    if example is None:
        token = "API_TOKEN=THE_TOKEN " if needs_token else ""
        return f"fill the shop: docs/API.md, Your own shop\n  {token}make shop FILE=products.csv"
    body = shlex.quote(example.model_dump_json(include={"customer_id", "currency", "lines"}))
    headers = "-H 'Prefer: wait=10' -H 'Content-Type: application/json'"
    if needs_token:
        headers = f"-H 'Authorization: Bearer THE_TOKEN' {headers}"
    call = f"curl -s {api_url(settings)}/orders {headers} -d {body}"
    return f"place an order, and wait for its end\n  {call}"


def _last_wait(log: Path) -> str:
    """Return what a part last said that it waits for, in its log."""
    try:
        lines = [line for line in log.read_text(errors="replace").splitlines() if WAITING in line]
    except OSError:
        return ""
    return f" {WAITING}{lines[-1].partition(WAITING)[2]}" if lines else ""
