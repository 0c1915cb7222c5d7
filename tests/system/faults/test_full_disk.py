"""A disk that fills under a running system, and has room again; and one full at the start."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from operations.up.processes import processes_of
from tests.stack import ROOT, order, until
from tests.system.e2e.up import PER_ROLE, RUNNER, UP_SECONDS, Up

PAGE_BYTES = 4096

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root may mount a disk of a few megabytes"
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 120 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=120m", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free, in no log either; return the file that takes them."""
    for log in disk.glob("var/log/*.log"):
        with log.open("ab") as file:
            file.write(b"\n" * (-log.stat().st_size % PAGE_BYTES))
    path = disk / "filling"
    with path.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(2**20))
    assert shutil.disk_usage(disk).free == 0
    return path


@pytest.mark.long
@pytest.mark.timeout(240)
def test_a_full_disk_is_outlived(disk: Path) -> None:
    """Orders get 503 meanwhile, dead parts return and the runner lives.

    With room again all goes on by itself, each order once.
    """
    up = Up(disk)
    up.output = disk.parent / "output"
    up.env |= PER_ROLE

    def status_of_order(order_id: str) -> int:
        body = order("17850", "85123A", order_id=order_id, price=1)
        with contextlib.suppress(httpx.TransportError):
            return httpx.post(
                f"{up.url}/orders", json=body, headers={"Prefer": "wait=3"}, timeout=30
            ).status_code
        return 0

    try:
        up.start(*RUNNER)
        up.until_up()
        assert status_of_order("before") == 200
        filling = fill(disk)
        meanwhile: list[int] = []
        while (
            len(meanwhile) < 10 and 503 not in meanwhile
        ):  # the first may be begun: the server's log has a page to spare
            meanwhile.append(status_of_order(f"meanwhile-{len(meanwhile)}"))
        assert meanwhile[-1] == 503, meanwhile
        until(lambda: f"DATA_DIR={up.data_dir} is full" in up.log_text(), "the terminal is told")
        up.part("worker.py", "payment").kill()
        until(
            lambda: "payment runs again" in up.log_text(), "a part that dies meanwhile runs again"
        )
        assert up.running()
        filling.unlink()
        until(lambda: "has room again" in up.log_text(), "the terminal is told")
        order_ids = [
            "before",
            *(f"meanwhile-{number}" for number, _ in enumerate(meanwhile)),
            "after",
        ]
        for order_id in order_ids:
            until(
                lambda order_id=order_id: status_of_order(order_id) == 200,  # type: ignore[misc]
                f"{order_id} is closed",
                UP_SECONDS,
            )
            assert httpx.get(f"{up.url}/orders/{order_id}").json()["state"] == "COMPLETED"
        assert up.program is not None
        up.program.send_signal(signal.SIGTERM)
        assert up.program.wait(UP_SECONDS) == 0
        assert "lines are missing here" in (up.data_dir / "log" / "supervisord.log").read_text()
        audit = subprocess.run(
            [*RUNNER[:2], "operations.audit"],
            cwd=ROOT,
            env=up.env,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "VIOLATED" not in audit.stdout + audit.stderr
        assert f"{len(order_ids)} CONFIRMED" in audit.stdout
    finally:
        up.kill()


@pytest.mark.long
@pytest.mark.parametrize("is_new", [True, False], ids=["a new folder", "one that was used"])
def test_a_disk_that_is_full_at_the_start_is_said(disk: Path, is_new: bool) -> None:
    """One sentence that says what to do, exit code 1, and nothing is left running."""
    up = Up(disk)
    up.output = disk.parent / "output"
    if not is_new:
        (up.data_dir / "log").mkdir(parents=True)
        (up.data_dir / "up.lock").write_text("1")
    fill(disk)
    assert up.start(*RUNNER).wait(UP_SECONDS) == 1
    assert up.log_text() == (
        f"cannot start: DATA_DIR={up.data_dir} is full:"
        " make room on that disk, or choose another with DATA_DIR\n"
    )
    assert not processes_of(up.data_dir)
