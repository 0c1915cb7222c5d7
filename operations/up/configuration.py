"""supervisord's configuration: supervisord.conf, with a section for each worker.

The card provider's section is left out where the system runs none.
"""

import re
from pathlib import Path

from config import Settings
from operations.up.card_account import has_card_provider
from operations.up.parts import CARDS, worker_parts

TEMPLATE = Path(__file__).with_name("supervisord.conf")
WORKER = re.compile(r"^\[program:worker\]\n(?:.+\n)+", re.MULTILINE)
PROVIDER = re.compile(rf"(?:^; .*\n)*^\[program:{CARDS}\]\n(?:.+\n)+\n", re.MULTILINE)
PROGRAMS = "programs=worker"
COMMAND = "command=python worker.py"


def configuration(settings: Settings) -> str:
    """Return supervisord.conf, in which the worker's section is repeated for each worker."""
    template = TEMPLATE.read_text()
    if not has_card_provider(settings):
        template = PROVIDER.sub("", template)
    [section] = WORKER.findall(template)
    workers = worker_parts(settings)
    sections = [
        section.replace("[program:worker]", f"[program:{name}]").replace(
            COMMAND, f"{COMMAND} {' '.join(roles)}"
        )
        for name, roles in workers.items()
    ]
    complete = template.replace(section, "\n".join(sections))
    return complete.replace(PROGRAMS, f"programs={','.join(workers)}")


def write_configuration(settings: Settings) -> Path:
    """Write it to the data directory, unless it is there already; return its absolute path.

    So a supervisord can be started again on a full disk.

    Raises:
        OSError: it cannot be written.
    """
    path = settings.data_dir.absolute() / "supervisord.conf"
    text = configuration(settings)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path
