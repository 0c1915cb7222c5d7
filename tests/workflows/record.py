"""Record the stories anew: `python -m tests.workflows.record`.

They become histories that every later release must still replay.
Each release keeps a folder of its own; those of earlier releases stay as they are.
"""

import asyncio
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.workflows import order_scripts
from tests.workflows.stored_stories import CONTINUED, RECORDED, SHORT, Recording

ROOT = Path(__file__).parents[2]
HISTORIES = Path(__file__).with_name("histories")

OF_THIS_MACHINE = ("stackTrace", "identity", "workerInstanceKey")


async def record(folder: Path) -> None:
    """Play every story on a real server, and write its history into `folder`."""
    await record_all(RECORDED, folder)
    await record_all(CONTINUED, folder, f"limit.historyCount.suggestContinueAsNew={SHORT}")


async def record_all(recordings: Mapping[str, Recording], folder: Path, *settings: str) -> None:
    """Play stories on a server with these settings; write a file for each run of each."""
    async with order_scripts.stage(*settings) as stage:
        for name, (story, locally) in recordings.items():
            script = order_scripts.script(*stage, f"order-{name}", locally=locally)
            async with script:
                await story(script)
            for number, run in enumerate(script.runs, 1):
                file_name = name if len(script.runs) == 1 else f"{name}_{number}"
                path = folder / f"{file_name}.json"
                history = portable(run.to_json_dict())
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
