"""supervisord's configuration: supervisord.conf, with a worker for each role."""

import re
from pathlib import Path

from contracts.steps import ROLES

TEMPLATE = Path(__file__).with_name("supervisord.conf")
WORKER = re.compile(r"^\[program:worker\]\n(?:.+\n)+", re.MULTILINE)
PROGRAMS = "programs=worker"


def configuration() -> str:
    """Return supervisord.conf, in which the section of the worker is repeated for each role."""
    template = TEMPLATE.read_text()
    [section] = WORKER.findall(template)
    sections = [section.replace("[program:worker]", f"[program:{role}]") for role in ROLES]
    complete = template.replace(section, "\n".join(sections))
    return complete.replace(PROGRAMS, f"programs={','.join(ROLES)}")


def write_configuration(folder: Path) -> Path:
    """Write the configuration to a folder, unless it is there already; return its absolute path.

    So a supervisord can be started again on a full disk.

    Raises:
        OSError: it cannot be written.
    """
    path = folder.absolute() / "supervisord.conf"
    text = configuration()
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
    return path
