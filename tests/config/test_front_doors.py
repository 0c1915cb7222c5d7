"""Every front door refuses invalid settings at once, in one sentence."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.long

DOORS = [
    ["api.py"],
    ["worker.py"],
    ["-m", "operations.up.temporal_server"],
    ["-m", "operations.shop.seed"],
    ["-m", "operations.up"],
]


def run_to_end(door: list[str], **env: str) -> subprocess.CompletedProcess[str]:
    """Start a front door that ends by itself."""
    command = [sys.executable, *door]
    return subprocess.run(
        command, env=os.environ | env, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door[-1])
def test_a_front_door_refuses_such_a_database_at_once(door: list[str]) -> None:
    """Nobody waits for a database that can never be opened: one sentence, and the end."""
    process = run_to_end(door, PAYMENT_DATABASE_URL="mysql://saga@host/payment")
    assert process.returncode == 1
    assert process.stderr.startswith(
        "cannot start: PAYMENT_DATABASE_URL is invalid: there is no driver 'mysql' here"
    )
    assert process.stderr.count("\n") == 1


def test_a_front_door_says_which_setting_is_wrong() -> None:
    """A setting that is no good is named by its variable, in a sentence and without a traceback.

    At one door: that each has what it reads checked by the same function is told above.
    """
    process = run_to_end(["api.py"], REVIEW_SECONDS="abc", STUCK_ATTEMPTS="0")
    assert process.returncode == 1
    assert "REVIEW_SECONDS=abc is invalid" in process.stderr
    assert "STUCK_ATTEMPTS=0 is invalid" in process.stderr
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ({"TEMPORAL_ADDRESS": ":::bad"}, "TEMPORAL_ADDRESS=:::bad is invalid"),
        (
            {"TEMPORAL_PROFILE": "nobody"},
            "TEMPORAL_* or the profile is invalid: Profile 'nobody' not found",
        ),
    ],
)
def test_a_worker_waits_for_no_temporal_that_cannot_be(setting: dict[str, str], why: str) -> None:
    """What is wrong in the settings is said at once: waiting mends none of it."""
    process = run_to_end(["worker.py", "payment"], **setting)
    assert (process.returncode, process.stderr.startswith(f"cannot start: {why}")) == (1, True), (
        process.stderr
    )
