"""Record the stories anew: `python -m tests.workflows.record`.

They become histories that every later release must still replay.
Each release keeps a folder of its own; those of earlier releases stay as they are.
"""

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

from temporal_saga.testing import PATIENCE
from tests import temporal_server
from tests.workflows import order_scripts
from tests.workflows.orders import RECORDED, RECORDED_LOCALLY

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).with_name("histories")

LOCALLY = "_locally"

OF_THIS_MACHINE = ("stackTrace", "identity", "workerInstanceKey")


async def record(folder: Path) -> None:
    """Play every story on a real server, and write its history into `folder`."""
    async with temporal_server.running() as client, order_scripts.participants(client) as players:
        names = {story.__name__: story for story in RECORDED}
        names |= {f"{story.__name__}{LOCALLY}": story for story in RECORDED_LOCALLY}
        for name, story in names.items():
            locally = PATIENCE if name.endswith(LOCALLY) else None
            script = order_scripts.script(client, players, f"order-{name}", locally=locally)
            async with script:
                await story(script)
            assert script.history is not None
            history = portable(script.history.to_json_dict())
            path = folder / f"{name}.json"
            path.write_text(json.dumps(history, indent=1, sort_keys=True) + "\n")
            print(path.relative_to(ROOT))  # noqa: T201  # a command talks


def portable(history: Any) -> Any:
    """Return a history without what tells of the machine it was recorded on."""
    match history:
        case dict():
            return {
                name: portable(value)
                for name, value in history.items()
                if name not in OF_THIS_MACHINE
            }
        case list():
            return [portable(value) for value in history]
        case _:
            return history


if __name__ == "__main__":
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    target = HISTORIES / ".".join(version.split(".")[:2])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(record(target))
