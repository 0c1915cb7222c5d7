"""The card provider that a system runs itself, where PAYMENT=cards and it has no account elsewhere.

It is a part like the others while the system runs. Before that it runs for a moment: customers get
their cards, and the API its webhook endpoint, whose secret is told only once.

`python -m operations.up.card_provider` becomes the provider.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
from pydantic import SecretStr

from config import Settings, read_settings
from contracts.card_events import ANSWERS
from operations.up.card_account import KEY, control_url, has_card_provider
from operations.up.preflight import CannotStart
from operations.up.processes import MARK
from operations.up.readiness import api_url

ROOT = Path(__file__).resolve().parents[2]

ENDPOINT = "card-endpoint"
"""In the data directory: the provider's id of the API's webhook endpoint. Each start makes another,
because the secret is told only once, and is kept nowhere."""

USUAL_REQUESTS_PER_SECOND = 100
UNLIMITED = 1_000_000


@contextmanager
def card_provider_ready(settings: Settings) -> Iterator[Settings]:
    """Run it while cards are put on file; give the settings with the API's webhook secret.

    Where there is none, these are the settings as they are.

    Raises:
        CannotStart: it does not come up.
    """
    if not has_card_provider(settings):
        yield settings
        return
    with (
        _running(settings),
        httpx.Client(base_url=control_url(settings), trust_env=False) as control,
    ):
        control.patch("/settings", json={"requests_per_second": UNLIMITED}).raise_for_status()
        secret = _endpoint_secret(settings)
        yield settings.model_copy(update={"card_webhook_secret": SecretStr(secret)})
        limit = {"requests_per_second": USUAL_REQUESTS_PER_SECOND}
        control.patch("/settings", json=limit).raise_for_status()


def provider_command(settings: Settings) -> list[str]:
    """Return its command line, for a process in the checkout."""
    return [
        *(sys.executable, "-m", "card_provider", str(settings.data_dir.absolute() / "cards.db")),
        *("--port", str(settings.card_provider_port)),
        *("--control-port", str(settings.card_control_port)),
    ]


@contextmanager
def _running(settings: Settings) -> Iterator[None]:
    with subprocess.Popen(
        provider_command(settings),
        cwd=ROOT,
        env={**os.environ, MARK: str(settings.data_dir.resolve())},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            last_line = ""
            for line in process.stdout:
                if line.startswith("card provider: "):
                    break
                last_line = line
            else:
                raise CannotStart(f"the card provider does not start: {last_line.strip()}")
            yield
        finally:
            process.terminate()


def _endpoint_secret(settings: Settings) -> str:
    """Make the API's webhook endpoint, in place of an earlier start's; return its secret."""
    path = settings.data_dir / ENDPOINT
    headers = {"Authorization": f"Bearer {KEY}"}
    form = {f"enabled_events[{place}]": kind for place, kind in enumerate(sorted(ANSWERS))}
    form["url"] = f"{api_url(settings)}/webhooks/cards"
    with httpx.Client(base_url=settings.card_api_url, headers=headers, trust_env=False) as http:
        if path.exists():
            http.delete(f"/v1/webhook_endpoints/{path.read_text()}")  # 404 if the books are new
        endpoint = http.post("/v1/webhook_endpoints", data=form).raise_for_status().json()
    path.write_text(endpoint["id"])
    return str(endpoint["secret"])


def main() -> None:
    """Become the provider that the settings describe."""
    command = provider_command(read_settings())
    os.execv(command[0], command)  # noqa: S606  # our own command line, without a shell


if __name__ == "__main__":
    main()
