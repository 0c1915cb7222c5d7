"""What a contestant's processes are called, and how what they use is added up."""

import sys
from pathlib import Path

import pytest

from bench.processes import Program, cpu_by_name, disk, name_of


@pytest.mark.parametrize(
    ("command", "name"),
    [
        (["/x/bin/python", "worker.py", "orchestrator"], "worker.py orchestrator"),
        (["python3.11", "worker.py", "payment", "stock"], "worker.py payment stock"),
        (["python", "-P", "/x/up/runner.py", "-c", "/x/supervisord.conf"], "runner.py"),
        (["python", "-m", "operations.up"], "operations.up"),
        (
            ["python", "-m", "bench.peers.dbos.app", "8001", "/x", "sqlite:///x"],
            "bench.peers.dbos.app",
        ),
        (["/x/bin/temporal", "server", "start-dev", "--port=7233"], "temporal"),
        (["/x/restate-server", "--no-logo"], "restate-server"),
        (["postgres: checkpointer "], "postgres"),
        ([], "?"),
    ],
)
def test_a_process_is_called_by_its_script_and_role(command: list[str], name: str) -> None:
    """Neither paths nor ports are in its name, so that rounds and contestants compare."""
    assert name_of(command) == name


def test_cpu_is_added_up_by_name_and_a_new_process_counts_whole() -> None:
    """Two processes of one name are one line; what ended before counts no more."""
    before = {(1, "postgres"): 1.0, (2, "worker"): 5.0, (9, "gone"): 2.0}
    after = {(1, "postgres"): 1.5, (2, "worker"): 5.25, (3, "postgres"): 0.5}
    assert cpu_by_name(before, after) == {"postgres": 1.0, "worker": 0.25}


def test_the_disk_is_split_between_participants_and_engine(tmp_path: Path) -> None:
    """A journal belongs to its database; logs belong to nobody; nothing counts twice."""
    for name in ("order.db", "order.db-wal", "temporal.db", "restate/000001.log", "log/up.log"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * 100_000)
    sizes = disk(tmp_path, tmp_path / "restate")
    assert (sizes.participants, sizes.engine) == (200_000, 200_000)


async def test_what_an_earlier_run_printed_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    """A program that is started again with the same log is not up before it says so."""
    log = tmp_path / "program.log"
    log.write_text("it is up")
    program = Program((sys.executable, "-c", "import time; time.sleep(60)"), log)
    output = program.output()
    await program.stop()
    assert "it is up" not in output
